#define _GNU_SOURCE
#include "CMPIShim.h"

#include <errno.h>
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

// MPI counts are `int`: longer transfers go in pieces of this many elements.
static const size_t largest_piece = (size_t)1 << 28;

static int piece(size_t left) {
  return (int)(left < largest_piece ? left : largest_piece);
}

// Messages beside the work: see cmpi_tell.
static MPI_Comm notes;

static char start_failure[160];

static void give_up_starting(int signal) {
  (void)signal;
  ssize_t written = write(STDERR_FILENO, start_failure, strlen(start_failure));
  (void)written;
  _exit(EXIT_FAILURE);
}

int cmpi_init(unsigned seconds) {
  // Where mpirun or another rank dies while a rank starts, MPI_Init may wait forever.
  const char *rank = getenv("OMPI_COMM_WORLD_RANK");
  snprintf(start_failure, sizeof start_failure,
           "%s: error: rank %.10s gives up: expected all ranks to start within %u s, found one that does not\n",
           program_invocation_short_name, rank == NULL ? "?" : rank, seconds);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGALRM, give_up_starting);
  alarm(seconds);
  int code = MPI_Init(NULL, NULL);
  alarm(0);
  signal(SIGALRM, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, 0);
  if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  // It takes over the handling of errors.
  return code == MPI_SUCCESS ? MPI_Comm_dup(MPI_COMM_WORLD, &notes) : code;
}

static void (*idle)(void *context, size_t calls);
static void *idle_context;

void cmpi_set_idle(void (*function)(void *context, size_t calls), void *context) {
  idle = function;
  idle_context = context;
}

// Every wait of this file: it does not end before its transfers, but it gives the program the time that it takes.
static int wait_for(int count, MPI_Request *requests, MPI_Status *statuses) {
  for (size_t calls = 0;; calls++) {
    int is_over = 0;
    int code = MPI_Testall(count, requests, &is_over, statuses);
    if (code != MPI_SUCCESS || is_over) return code;
    if (idle != NULL) idle(idle_context, calls);
  }
}

static int wait_for_one(int started, MPI_Request *request, MPI_Status *status) {
  return started == MPI_SUCCESS ? wait_for(1, request, status) : started;
}

int cmpi_tell(int rank, int note) {
  // The bytes must stay until they have gone, and nobody waits for that.
  static const unsigned char values[] = {0, 1, 2, 3, 4, 5, 6, 7};
  if (note < 0 || (size_t)note >= sizeof values) return MPI_ERR_ARG;
  MPI_Request request;
  int code = MPI_Isend(&values[note], 1, MPI_BYTE, rank, 0, notes, &request);
  return code == MPI_SUCCESS ? MPI_Request_free(&request) : code;
}

int cmpi_told(int *rank, int *note) {
  MPI_Status status;
  int is_there = 0;
  *rank = -1;
  int code = MPI_Iprobe(MPI_ANY_SOURCE, 0, notes, &is_there, &status);
  if (code != MPI_SUCCESS || !is_there) return code;
  unsigned char value = 0;
  code = MPI_Recv(&value, 1, MPI_BYTE, status.MPI_SOURCE, 0, notes, MPI_STATUS_IGNORE);
  if (code != MPI_SUCCESS) return code;
  *rank = status.MPI_SOURCE;
  *note = value;
  return MPI_SUCCESS;
}

static void (*leaving)(void *context, int status);

static void leave(int status, void *context) {
  if (leaving != NULL) leaving(context, status);
}

int cmpi_on_leaving(void (*function)(void *context, int status), void *context) {
  leaving = function;
  return on_exit(leave, context) == 0 ? MPI_SUCCESS : MPI_ERR_OTHER;
}

int cmpi_finalize(void) {
  leaving = NULL;
  return MPI_Finalize();
}

int cmpi_rank(int *rank) { return MPI_Comm_rank(MPI_COMM_WORLD, rank); }

int cmpi_size(int *size) { return MPI_Comm_size(MPI_COMM_WORLD, size); }

int cmpi_host_name(char *text) {
  _Static_assert(CMPI_TEXT_SIZE >= MPI_MAX_PROCESSOR_NAME, "room for a host name");
  int length = 0;
  int code = MPI_Get_processor_name(text, &length);
  text[code == MPI_SUCCESS ? length : 0] = 0;
  return code;
}

void cmpi_error_string(int code, char *text) {
  _Static_assert(CMPI_TEXT_SIZE >= MPI_MAX_ERROR_STRING, "room for an error message");
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS)
    length = snprintf(text, CMPI_TEXT_SIZE, "MPI error %d", code);
  text[length] = 0;
}

int cmpi_barrier(void) {
  MPI_Request request;
  return wait_for_one(MPI_Ibarrier(MPI_COMM_WORLD, &request), &request, MPI_STATUS_IGNORE);
}

static int sum(char *values, size_t count, size_t width, MPI_Datatype type) {
  while (count > 0) {
    int length = piece(count);
    MPI_Request request;
    int code = wait_for_one(
        MPI_Iallreduce(MPI_IN_PLACE, values, length, type, MPI_SUM, MPI_COMM_WORLD, &request), &request,
        MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) return code;
    values += (size_t)length * width;
    count -= (size_t)length;
  }
  return MPI_SUCCESS;
}

int cmpi_sum_floats(float *values, size_t count) {
  return sum((char *)values, count, sizeof *values, MPI_FLOAT);
}

int cmpi_sum_doubles(double *values, size_t count) {
  return sum((char *)values, count, sizeof *values, MPI_DOUBLE);
}

int cmpi_broadcast(void *bytes, size_t size, int root) {
  for (char *next = bytes; size > 0;) {
    int length = piece(size);
    MPI_Request request;
    int code = wait_for_one(MPI_Ibcast(next, length, MPI_BYTE, root, MPI_COMM_WORLD, &request), &request,
                            MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) return code;
    next += length;
    size -= (size_t)length;
  }
  return MPI_SUCCESS;
}

int cmpi_all_gather(const void *local_bytes, size_t size, void *all_bytes) {
  if (size > largest_piece) return MPI_ERR_COUNT;
  MPI_Request request;
  return wait_for_one(MPI_Iallgather(local_bytes, (int)size, MPI_BYTE, all_bytes, (int)size, MPI_BYTE,
                                     MPI_COMM_WORLD, &request),
                      &request, MPI_STATUS_IGNORE);
}

int cmpi_send(const void *bytes, size_t size, int to) {
  for (const char *next = bytes; size > 0;) {
    int length = piece(size);
    MPI_Request request;
    int code = wait_for_one(MPI_Isend(next, length, MPI_BYTE, to, 0, MPI_COMM_WORLD, &request), &request,
                            MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) return code;
    next += length;
    size -= (size_t)length;
  }
  return MPI_SUCCESS;
}

int cmpi_receive(void *bytes, size_t size, int from) {
  for (char *next = bytes; size > 0;) {
    int length = piece(size);
    MPI_Status status;
    MPI_Request request;
    int code = wait_for_one(MPI_Irecv(next, length, MPI_BYTE, from, 0, MPI_COMM_WORLD, &request), &request,
                            &status);
    if (code != MPI_SUCCESS) return code;
    int received = 0;
    MPI_Get_count(&status, MPI_BYTE, &received);
    if (received != length) return MPI_ERR_TRUNCATE;
    next += length;
    size -= (size_t)length;
  }
  return MPI_SUCCESS;
}

// The receives come first in both arrays.
struct cmpi_exchange {
  int receives, transfers;
  size_t received_size;
  MPI_Request *requests;
  MPI_Status *statuses;
};

// Exchanges go in pieces that Open MPI sends over TCP at once (up to btl_tcp_eager_limit, 65,536 with a header), not after a handshake, for which both
// ranks would have to call MPI while they compute. Where ranks share memory it makes no difference.
static const size_t exchange_piece = 65000;

static int pieces(size_t size) { return (int)((size + exchange_piece - 1) / exchange_piece); }

static int next_piece(size_t left) { return (int)(left < exchange_piece ? left : exchange_piece); }

int cmpi_start_exchange(const void *sent, size_t sent_size, int to, void *received, size_t received_size,
                        int from, int tag, cmpi_exchange **started) {
  *started = NULL;
  int receives = pieces(received_size), transfers = receives + pieces(sent_size);
  cmpi_exchange *exchange = malloc(sizeof *exchange);
  MPI_Request *requests = malloc(sizeof *requests * (size_t)(transfers + 1));
  MPI_Status *statuses = malloc(sizeof *statuses * (size_t)(transfers + 1));
  if (exchange == NULL || requests == NULL || statuses == NULL) {
    free(exchange), free(requests), free(statuses);
    return MPI_ERR_NO_MEM;
  }
  *exchange = (cmpi_exchange){receives, transfers, received_size, requests, statuses};
  for (int index = 0; index < transfers; index++) requests[index] = MPI_REQUEST_NULL;
  *started = exchange;
  char *target = received;
  for (int index = 0; index < receives; index++) {
    int length = next_piece(received_size);
    int code = MPI_Irecv(target, length, MPI_BYTE, from, tag, MPI_COMM_WORLD, &requests[index]);
    if (code != MPI_SUCCESS) return code;
    target += length, received_size -= (size_t)length;
  }
  const char *source = sent;
  for (int index = receives; index < transfers; index++) {
    int length = next_piece(sent_size);
    int code = MPI_Isend(source, length, MPI_BYTE, to, tag, MPI_COMM_WORLD, &requests[index]);
    if (code != MPI_SUCCESS) return code;
    source += length, sent_size -= (size_t)length;
  }
  return MPI_SUCCESS;
}

// After all transfers: whether as many bytes have come as were expected.
static int check_received(const cmpi_exchange *exchange) {
  size_t total = 0;
  for (int index = 0; index < exchange->receives; index++) {
    int count = 0;
    MPI_Get_count(&exchange->statuses[index], MPI_BYTE, &count);
    total += (size_t)count;
  }
  return total == exchange->received_size ? MPI_SUCCESS : MPI_ERR_TRUNCATE;
}

int cmpi_test_exchange(cmpi_exchange *exchange, int *is_over) {
  int code = MPI_Testall(exchange->transfers, exchange->requests, is_over, exchange->statuses);
  if (code != MPI_SUCCESS) return code;
  return *is_over ? check_received(exchange) : MPI_SUCCESS;
}

int cmpi_wait_exchange(cmpi_exchange *exchange) {
  int code = wait_for(exchange->transfers, exchange->requests, exchange->statuses);
  return code == MPI_SUCCESS ? check_received(exchange) : code;
}

void cmpi_forget_exchange(cmpi_exchange *exchange) {
  if (exchange == NULL) return;
  free(exchange->requests);
  free(exchange->statuses);
  free(exchange);
}

void cmpi_abort(int status) {
  leaving = NULL;
  MPI_Abort(MPI_COMM_WORLD, status);
}
