#ifndef CSIGNALS_H
#define CSIGNALS_H

// Signals turned into requests that the program asks for when it can: what a handler may do is little, and in Swift nothing.

/// What signals have asked for.
enum {
  CSIGNALS_STOP = 1,
  CSIGNALS_SAVE = 2,
};

/// To be called before anything else: standard streams that are closed lead to /dev/null, SIGQUIT ends the process, and a file that would become too
/// large is an error of writing.
void csignals_prepare(void);

/// From now on SIGTERM, SIGINT, SIGUSR1 and, unless it is ignored, SIGHUP ask to stop, SIGUSR2 to save; a second SIGINT ends the process at once, and until
/// there is something to save a request to stop does, with `status`, after writing `words` to standard error. To be called before MPI starts, since it may
/// be asked from the first moment on.
void csignals_install(int status, const char *words);

/// Between these two a request to stop waits, three seconds at most: a rank that ended while it makes itself known to mpirun could leave it hanging.
void csignals_start(void);
void csignals_started(void);

/// From now on there is something to save. A second SIGINT writes `words` to standard error before it ends the process.
void csignals_begin(const char *words);

/// The requests so far. One to stop stays, one to save is returned once.
int csignals_take(void);

/// From now on SIGINT is noted and ends nothing.
void csignals_hold_interrupt(void);

/// Whether it has come since then.
int csignals_was_interrupted(void);

/// From now on SIGINT does again what it did before it was held.
void csignals_release_interrupt(void);

#endif
