"""The addresses of the server and what they answer. Nothing is decoded here: that is done in workers."""

import asyncio
import json
import logging
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.staticfiles import StaticFiles

from echodfkd import __version__
from echodfkd.errors import MissingExtra
from echodfkd.names import clip_name
from echodfkd.web.downloads import FILES, TABLE
from echodfkd.web.drawn import ILLNESSES, RANGES
from echodfkd.web.guard import Guard
from echodfkd.web.jobs import Job, Jobs
from echodfkd.web.models import Model
from echodfkd.web.settings import Dials
from echodfkd.web.upload import Refused, drained, taken
from echodfkd.web.work import Bounds, worker
from echodfkd.web.workers import Message, Pool, Task

log = logging.getLogger(__name__)
PAGE = Path(__file__).parent / "page"
MOST_JSON = 16 * 2**20
"""Bytes of a request that is no file: outlines of all frames of a clip are less."""


class House:
    """What the addresses share: dials, models, clips, and the processes that work."""

    def __init__(self, dials: Dials, models: dict[str, Model], root: Path):
        self.dials, self.models, self.root = dials, models, root
        memory = dials.memory_mb * 2**20
        bounds = Bounds(dials.frames, dials.pixels, memory, tuple(one.path for one in models.values()))
        begin = partial(worker, bounds)
        self.pool = Pool(dials.processes, dials.seconds, begin)
        self.desk = Pool(1, dials.seconds, begin)  # short work of somebody who looks at the page and waits
        self.jobs = Jobs(root, self.pool, dials.kept, dials.minutes)
        self.uploading, self.numbers = 0, count(1)
        self.loop = asyncio.get_running_loop()

    def model(self, name: str | None) -> Path:
        """The folder of a model; Refused where this server has none of that name."""
        chosen = name or next(iter(self.models))
        if chosen not in self.models:
            raise Refused(400, f"This server has the models {', '.join(self.models)}.")
        return self.models[chosen].path

    def room(self) -> None:
        """Refused, with a time to come again, where too many clips wait."""
        self.jobs.sweep()
        if self.jobs.full or self.pool.waiting() >= self.dials.waiting:
            raise Refused(503, "All places are taken. Your clip will be tried again.", wait=2)

    def start(self, job: Job, work: str, /, **given: Any) -> dict[str, str]:
        """Hands the clip to the workers; what the page is told."""

        def hear(message: Message) -> None:
            if "fault" in message:
                log.warning("a clip failed: %s", message["fault"])
            self.loop.call_soon_threadsafe(job.hear, message)

        job.task = Task(work, {"folder": job.folder, "model": job.model, **given}, hear)
        self.pool.put(job.task)
        return {"id": job.number}

    async def asked(self, work: str, /, **given: Any) -> Message:
        """The answer of the desk; Refused where there is none."""
        answer: asyncio.Future[Message] = self.loop.create_future()

        def take(message: Message) -> None:
            if not answer.done():  # whoever asked may have gone
                answer.set_result(message)

        def hear(message: Message) -> None:
            if message["kind"] in ("done", "failed"):
                self.loop.call_soon_threadsafe(take, message)

        self.desk.put(Task(work, given, hear))
        message = await answer
        if message["kind"] == "failed":
            raise Refused(422, message["words"])
        return message

    def found(self, number: str, ready: bool = False) -> Job:
        """The clip of that number; Refused where it is gone, or not `ready` though it should be."""
        job = self.jobs.get(number)
        if job is None:
            raise Refused(404, "This clip is no longer here. Drop it again.")
        if ready and job.ended != "done":
            raise Refused(409, "This clip is not ready.")
        return job

    def close(self) -> None:
        """Ends all processes."""
        ending = [threading.Thread(target=pool.close) for pool in (self.pool, self.desk)]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()


def make_app(dials: Dials, models: dict[str, Model], root: Path, token: str, ready: Callable[[], None]) -> Guard:
    """The server's app; `root` is a folder of its own, `ready` is called once it answers."""
    house: House

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """The house stands while the server runs."""
        nonlocal house
        house = House(dials, models, root)
        sweeping = asyncio.create_task(_sweep(house.jobs))
        ready()
        yield
        sweeping.cancel()
        await asyncio.to_thread(house.close)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")

    @app.exception_handler(Refused)
    async def _refuse(_: Request, error: Refused) -> JSONResponse:
        return JSONResponse({"error": error.words}, error.status, error.headers)

    @app.get("/")
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/api/about")
    async def about() -> dict[str, Any]:
        told = [{"name": name, "about": one.about, "structures": one.structures} for name, one in models.items()]
        bounds = {"upload_mb": dials.upload_mb, "frames": dials.frames, "minutes": dials.minutes}
        drawing = {"illnesses": ILLNESSES, "ranges": RANGES} if find_spec("torch") else None
        missing = "" if drawing else str(MissingExtra("Drawing a heart", "study"))
        return {"version": __version__, "models": told, "bounds": bounds, "drawing": drawing, "no_drawing": missing}

    @app.post("/api/clips")
    async def upload(request: Request, label: str = "", model: str = "") -> dict[str, str]:
        try:
            return await _uploaded(house, request, label, model)
        except Refused:
            await drained(request)
            raise

    @app.post("/api/hearts")
    async def draw(request: Request, model: str = "") -> dict[str, str]:
        heart, chosen = await _json(request), house.model(model)
        house.room()
        job = house.jobs.new("drawn heart", chosen)
        return house.start(job, "draw", name=job.label, heart=heart)

    @app.post("/api/clips/{number}/again")
    async def again(number: str, model: str) -> dict[str, str]:
        of, chosen = house.found(number, ready=True), house.model(model)
        house.room()
        job = house.jobs.new(of.label, chosen)
        return house.start(job, "again", of=of.folder)

    @app.get("/api/clips/{number}/events")
    async def events(number: str) -> StreamingResponse:
        job = house.found(number)
        lines = job.told(lambda: house.pool.place(job.task) if job.task else 0)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    @app.get("/api/clips/{number}/frames")
    async def frames(number: str, first: int = 0, stop: int = 0) -> Response:
        job = house.found(number)
        if not 0 <= first < stop <= job.frames:
            raise Refused(416, f"This clip has the frames 0 to {job.frames - 1}.")
        return Response(await asyncio.to_thread(_frames, job, first, stop), media_type="application/octet-stream")

    @app.post("/api/clips/{number}/correct")
    async def correct(number: str, request: Request) -> dict[str, Any]:
        job, changes = house.found(number, ready=True), await _json(request)
        message = await house.asked("correct", folder=job.folder, model=job.model, changes=changes)
        return {"measures": message["measures"]}

    @app.get("/api/clips/{number}/files/{what}")
    async def file(number: str, what: str) -> FileResponse:
        if what not in (*FILES, TABLE):
            raise Refused(404, f"There are {', '.join((*FILES, TABLE))}.")
        return await _packed(house, [house.found(number, ready=True)], what)

    @app.get("/api/zip")
    async def everything(ids: str) -> FileResponse:
        return await _packed(house, [house.found(one, ready=True) for one in ids.split(",")[: dials.kept]], "zip")

    @app.delete("/api/clips/{number}")
    async def drop(number: str) -> dict[str, str]:
        house.jobs.drop(house.found(number))
        return {}

    return Guard(app, token, dials.host)


async def _uploaded(house: House, request: Request, label: str, model: str) -> dict[str, str]:
    """Takes a file in and hands it to the workers."""
    chosen = house.model(model)
    house.room()
    if house.uploading >= house.dials.uploads:
        raise Refused(503, "Many files are coming in. Yours will be tried again.", wait=1)
    house.uploading += 1
    number = next(house.numbers)
    job = house.jobs.new(_label(label) or f"clip {number}", chosen)
    try:
        job.upload = await taken(request, job.folder, house.dials.upload_mb * 10**6)
    except BaseException:
        house.jobs.drop(job)
        raise
    finally:
        house.uploading -= 1
    if job.upload.suffix == ".dcm":  # its file's name may be the patient's
        job.label = f"clip {number}"
    return house.start(job, "segment", path=job.upload, name=job.label)


async def _sweep(jobs: Jobs) -> None:
    while True:
        await asyncio.sleep(1)
        jobs.sweep()


async def _json(request: Request) -> dict[str, Any]:
    """The JSON table of a request; Refused where it is none."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_JSON:
            raise Refused(413, "This request is too large.")
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "This request is no JSON.")
    return found


async def _packed(house: House, jobs: list[Job], what: str) -> FileResponse:
    """What is downloaded of clips."""
    out = house.root / f"{secrets.token_hex(8)}.out"
    clips = [
        (job.label, job.folder, job.model, job.upload if job.upload and job.upload.suffix == ".dcm" else None)
        for job in jobs
    ]
    await house.asked("pack", clips=clips, out=out, what=what)
    name = "echodfkd.zip" if what == "zip" else what
    return FileResponse(out, filename=name, background=BackgroundTask(out.unlink, missing_ok=True))


def _frames(job: Job, first: int, stop: int) -> bytes:
    """Grey levels of some frames of a clip, row by row."""
    each = job.size[0] * job.size[1]
    for name in ("frames.raw", "frames.part", "frames.raw"):  # a part that is gone has just become whole
        with suppress(FileNotFoundError), open(job.folder / name, "rb") as file:
            file.seek(first * each)
            return file.read((stop - first) * each)
    return b""


def _label(told: str) -> str:
    """What a clip is called in what is taken home: as its file, less what no name should hold."""
    plain = re.sub(r"[^\w .+()-]+", "_", clip_name(told[:200])).strip(" ._")
    return plain[:80]
