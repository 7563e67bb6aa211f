"""A page that calls the same verbs: drop a clip, see the heart beat, know what to trust.

    browser --upload--> app --task--> workers: a process each, killed when it takes too long
       ^                 |               |  commands.segment.segment_clip, told by a Watch
       +--lines of JSON--+<--messages----+

`serve` is the verb; `settings` its dials; `guard` who may ask and what a page may do; `app` the addresses; `upload` a
file as it comes in; `jobs` what is known of each clip and when it is forgotten; `workers` the processes; `work` what is
done in them; `kept` a clip on disk between two tasks; `drawn` a heart to order; `told` what the page hears of measures;
`correct` measures of outlines and events mended by hand; `downloads` what is taken home; `site` the build that needs no
server; `page/` what the browser gets: plain ES modules.

Whatever a clip asks of a decoder happens in a worker. Names of files are ours. A clip is known by its number alone,
which nobody guesses, so that two users never meet.
"""
