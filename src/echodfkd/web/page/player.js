// Which frame is shown, and when the next comes: by the clip's own times.

export class Player extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { clip: null, frame: 0, playing: false, speed: 1, direction: 1 });
    this.tick = this.tick.bind(this);
  }

  show(clip) {
    if (!clip) this.pause();
    this.clip = clip;
    this.frame = 0;
    this.told();
  }

  told() { this.dispatchEvent(new Event("frame")); }

  go(frame) {
    const last = Math.max(0, (this.clip?.count ?? 1) - 1);
    this.frame = Math.min(last, Math.max(0, Math.round(frame)));
    this.told();
  }

  step(by) {
    this.pause();
    this.go(this.frame + by);
  }

  play() {
    if (this.playing || !this.clip) return;
    this.playing = true;
    this.since = null;
    this.dispatchEvent(new Event("state"));
    requestAnimationFrame(this.tick);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.dispatchEvent(new Event("state"));
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  tick(now) {
    if (!this.playing || !this.clip) return;
    const { clip } = this, count = clip.count;
    const step = (frame) => 1000 * Math.max(0.002, frame + 1 < count ? clip.seconds(frame + 1) - clip.seconds(frame) : 1 / (clip.fps || 50));
    this.since ??= now;
    let moved = false;
    while (count > 1 && now - this.since >= step(this.frame) / this.speed) {
      this.since += step(this.frame) / this.speed;
      if (now - this.since > 500) this.since = now;            // the page was asleep
      this.frame = this.frame + 1 < count ? this.frame + 1 : 0;
      moved = true;
    }
    if (moved) this.told();
    requestAnimationFrame(this.tick);
  }
}
