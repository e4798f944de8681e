#include "CMPIShim.h"

#include <mpi.h>
#include <stdio.h>

// MPI counts are `int`: longer transfers go in pieces of this many elements.
static const size_t largest_piece = (size_t)1 << 28;

static int piece(size_t left) {
  return (int)(left < largest_piece ? left : largest_piece);
}

int cmpi_init(void) {
  int code = MPI_Init(NULL, NULL);
  if (code != MPI_SUCCESS) return code;
  return MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

int cmpi_finalize(void) { return MPI_Finalize(); }

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

int cmpi_barrier(void) { return MPI_Barrier(MPI_COMM_WORLD); }

static int sum(char *values, size_t count, size_t width, MPI_Datatype type) {
  while (count > 0) {
    int length = piece(count);
    int code = MPI_Allreduce(MPI_IN_PLACE, values, length, type, MPI_SUM, MPI_COMM_WORLD);
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
    int code = MPI_Bcast(next, length, MPI_BYTE, root, MPI_COMM_WORLD);
    if (code != MPI_SUCCESS) return code;
    next += length;
    size -= (size_t)length;
  }
  return MPI_SUCCESS;
}

int cmpi_all_gather(const void *local_bytes, size_t size, void *all_bytes) {
  if (size > largest_piece) return MPI_ERR_COUNT;
  return MPI_Allgather(local_bytes, (int)size, MPI_BYTE, all_bytes, (int)size, MPI_BYTE,
                       MPI_COMM_WORLD);
}

int cmpi_send(const void *bytes, size_t size, int to) {
  for (const char *next = bytes; size > 0;) {
    int length = piece(size);
    int code = MPI_Send(next, length, MPI_BYTE, to, 0, MPI_COMM_WORLD);
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
    int code = MPI_Recv(next, length, MPI_BYTE, from, 0, MPI_COMM_WORLD, &status);
    if (code != MPI_SUCCESS) return code;
    int received = 0;
    MPI_Get_count(&status, MPI_BYTE, &received);
    if (received != length) return MPI_ERR_TRUNCATE;
    next += length;
    size -= (size_t)length;
  }
  return MPI_SUCCESS;
}

int cmpi_exchange(const void *sent, size_t sent_size, int to, void *received, size_t received_size, int from) {
  const char *next_sent = sent;
  char *next_received = received;
  while (sent_size > 0 || received_size > 0) {
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    int receiving = piece(received_size), sending = piece(sent_size);
    if (receiving > 0) {
      int code = MPI_Irecv(next_received, receiving, MPI_BYTE, from, 0, MPI_COMM_WORLD, &requests[0]);
      if (code != MPI_SUCCESS) return code;
    }
    if (sending > 0) {
      int code = MPI_Isend(next_sent, sending, MPI_BYTE, to, 0, MPI_COMM_WORLD, &requests[1]);
      if (code != MPI_SUCCESS) return code;
    }
    MPI_Status statuses[2];
    int code = MPI_Waitall(2, requests, statuses);
    if (code != MPI_SUCCESS) return code;
    int received_count = receiving;
    if (receiving > 0) MPI_Get_count(&statuses[0], MPI_BYTE, &received_count);
    if (received_count != receiving) return MPI_ERR_TRUNCATE;
    next_received += receiving;
    received_size -= (size_t)receiving;
    next_sent += sending;
    sent_size -= (size_t)sending;
  }
  return MPI_SUCCESS;
}

void cmpi_abort(int status) { MPI_Abort(MPI_COMM_WORLD, status); }
