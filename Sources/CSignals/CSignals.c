#include "CSignals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t stop_requested, save_requested, interrupts;
// Set by any of several threads.
static atomic_int can_save;
static int nothing_to_save;

static void note(int signal) {
  switch (signal) {
    case SIGUSR2:
      save_requested = 1;
      return;
    case SIGINT:
      if (interrupts++ > 0) _exit(128 + SIGINT);
      // As the others.
    default:
      if (!can_save) _exit(nothing_to_save);
      stop_requested = 1;
  }
}

void csignals_install(int status) {
  nothing_to_save = status;
  // Whoever has read this program's output may be gone; that is no reason to end.
  signal(SIGPIPE, SIG_IGN);
  const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  // Whoever started the program may have blocked them.
  sigset_t unblocked;
  sigemptyset(&unblocked);
  for (size_t index = 0; index < sizeof signals / sizeof *signals; index++) {
    sigaction(signals[index], &action, NULL);
    sigaddset(&unblocked, signals[index]);
  }
  sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
}

void csignals_begin(void) { can_save = 1; }

int csignals_take(void) {
  int requests = stop_requested ? CSIGNALS_STOP : 0;
  if (save_requested) {
    save_requested = 0;
    requests |= CSIGNALS_SAVE;
  }
  return requests;
}

static volatile sig_atomic_t held_interrupts;
static struct sigaction before_hold;

static void hold(int signal) { held_interrupts = signal == SIGINT; }

void csignals_hold_interrupt(void) {
  held_interrupts = 0;
  struct sigaction action = {.sa_handler = hold, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_hold);
}

int csignals_was_interrupted(void) { return held_interrupts; }

void csignals_release_interrupt(void) { sigaction(SIGINT, &before_hold, NULL); }
