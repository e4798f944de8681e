#ifndef FAULTYSTORAGE_H
#define FAULTYSTORAGE_H

// A library to be preloaded: it counts a program's calls on files whose path contains FAULT_PATH (open, write, fsync, rename, link, unlink,
// ftruncate, mkdir), and lets some of them fail, or be the last before death.
//
// FAULT_AT=N    the N-th call, from 1; 0 for none
// FAULT_UNTIL=M and those up to the M-th
// FAULT_ERROR=E fail with this number; 0 for SIGKILL before the call, -S for exit with status S
// FAULT_COUNT   a file that gets the number of calls at the end of the program

#endif
