#ifndef CMPISHIM_H
#define CMPISHIM_H

// A few fixed-purpose wrappers over Open MPI, for Swift, which cannot import
// the macros that MPI's handles (MPI_COMM_WORLD, MPI_FLOAT, ...) are in C.
// No MPI type appears here. All calls concern MPI_COMM_WORLD.
//
// Every function that returns `int` returns MPI's error code: 0 is success,
// anything else is a code for `cmpi_error_string`. Counts may exceed INT_MAX.

#include <stddef.h>

/// Room that `cmpi_host_name` and `cmpi_error_string` need, terminating zero included.
enum { CMPI_TEXT_SIZE = 512 };

/// Starts MPI; errors are returned from then on, not fatal. Ends the process with a message where that takes longer than `seconds`.
int cmpi_init(unsigned seconds);
/// Ends MPI; every rank must call it.
int cmpi_finalize(void);

/// Calls `function` where `exit` ends this process with neither `cmpi_finalize` nor `cmpi_abort` before. To be called once.
int cmpi_on_leaving(void (*function)(void *context, int status), void *context);

int cmpi_rank(int *rank);
int cmpi_size(int *size);
/// Writes this rank's host name, zero-terminated, to `text[CMPI_TEXT_SIZE]`.
int cmpi_host_name(char *text);
/// Writes what the error code `code` means to `text[CMPI_TEXT_SIZE]`.
void cmpi_error_string(int code, char *text);

/// From now on, whatever below waits for other ranks calls `function` over and over, `calls` from 0 for each wait.
void cmpi_set_idle(void (*function)(void *context, size_t calls), void *context);
/// Sends a note, a number from 0 to 7, to a rank, beside all other transfers and without waiting.
int cmpi_tell(int rank, int note);
/// Receives a note if there is one; `*rank` is its sender's, or -1. To be called by `function` too.
int cmpi_told(int *rank, int *note);

/// Waits until every rank has called it.
int cmpi_barrier(void);
/// Element-wise sum over all ranks, in place, the result on every rank.
int cmpi_sum_floats(float *values, size_t count);
int cmpi_sum_doubles(double *values, size_t count);
/// Copies `size` bytes from rank `root` to all ranks.
int cmpi_broadcast(void *bytes, size_t size, int root);
/// Collects `size` bytes of every rank, in the order of ranks, on every rank.
int cmpi_all_gather(const void *local_bytes, size_t size, void *all_bytes);
/// Blocking point-to-point transfer of exactly `size` bytes.
int cmpi_send(const void *bytes, size_t size, int to);
int cmpi_receive(void *bytes, size_t size, int from);

/// A transfer to one rank, and another from one, that go on while the caller does something else.
typedef struct cmpi_exchange cmpi_exchange;
/// Starts it; either size may be 0. Between two ranks, exchanges of the same `tag` meet in the order in which they are started. `*started` is to be
/// forgotten in the end.
int cmpi_start_exchange(const void *sent, size_t sent_size, int to, void *received, size_t received_size,
                        int from, int tag, cmpi_exchange **started);
/// Moves what can be moved now. Once `*is_over`, neither this nor `cmpi_wait_exchange` may be called again.
int cmpi_test_exchange(cmpi_exchange *exchange, int *is_over);
/// Waits until it is over.
int cmpi_wait_exchange(cmpi_exchange *exchange);
/// Frees it; both transfers must be over.
void cmpi_forget_exchange(cmpi_exchange *exchange);

/// Ends all ranks at once; mpirun's exit status becomes `status`.
void cmpi_abort(int status);

#endif
