// How a run of jobs looks to a person, on stderr: on a terminal one line per running job, drawn anew in place, with
// finished builds above; elsewhere a plain line when a job starts and ends.
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "builder/schedule.h"
#include "cmd/cmd.h"

typedef struct Progress Progress;

// `out` is stderr; nothing is written before the first job. Silent, but for failures, with --quiet; wholly with --json.
Progress *progress_new(const Globals *globals, FILE *out);
void progress_free(Progress *progress); // takes the drawn lines away; NULL is fine

// For BuildOptions.on_plan and ScheduleOptions.on_event; the context is the Progress.
void progress_plan(void *progress, const Plan *plan, const Resolution *resolution);
void progress_event(void *progress, const ScheduleEvent *event);

// "0.4 s", "12.3 s", "3 min 05 s".
void progress_add_time(Buf *out, uint64_t ns);
// "512 B", "1.2 MB"; decimal, as download sizes are usually told.
void progress_add_bytes(Buf *out, uint64_t bytes);

#endif
