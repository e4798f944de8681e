#include "CSignals.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_requested, save_requested, interrupts;
static timer_t start_timer;
static int has_timer;
static const struct itimerspec seconds_to_start = {.it_value = {.tv_sec = 3}}, no_time;
// Set by any of several threads.
static atomic_int can_save, is_starting;
static int nothing_to_save;
static const char *last_words = "", *interrupted_words = "";

// Where nobody hears them, nothing is to be done.
static void say(const char *words) {
  ssize_t written = write(STDERR_FILENO, words, strlen(words));
  (void)written;
}

// There is nothing to save.
static void give_up(void) {
  say(last_words);
  _exit(nothing_to_save);
}

static void start_takes_long(int signal) {
  (void)signal;
  if (!can_save) give_up();
}

static void note(int signal) {
  switch (signal) {
    case SIGUSR2:
      save_requested = 1;
      return;
    case SIGINT:
      if (interrupts++ > 0) {
        say(interrupted_words);
        _exit(128 + SIGINT);
      }
      // As the others.
    default:
      if (is_starting) {
        if (has_timer && !stop_requested) timer_settime(start_timer, 0, &seconds_to_start, NULL);
        stop_requested = 1;
      } else if (!can_save) {
        give_up();
      } else {
        stop_requested = 1;
      }
  }
}

static int is_ignored(int signal) {
  struct sigaction action;
  return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void csignals_prepare(void) {
  // A file that is opened later must not get the number of one of these.
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) _exit(1);
  }
  // Swift's runtime takes it for a crash.
  if (!is_ignored(SIGQUIT)) signal(SIGQUIT, SIG_DFL);
  // A file that would become too large is an error of writing.
  signal(SIGXFSZ, SIG_IGN);
}

void csignals_install(int status, const char *words) {
  nothing_to_save = status;
  last_words = words;
  // Whoever has read this program's output may be gone; that is no reason to end.
  signal(SIGPIPE, SIG_IGN);
  const int signals[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP};
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  // Whoever started the program may have blocked them.
  sigset_t unblocked;
  sigemptyset(&unblocked);
  for (size_t index = 0; index < sizeof signals / sizeof *signals; index++) {
    // 'nohup' has it ignored.
    if (signals[index] == SIGHUP && is_ignored(SIGHUP)) continue;
    sigaction(signals[index], &action, NULL);
    sigaddset(&unblocked, signals[index]);
  }
  // SIGALRM is for whoever waits for other ranks.
  signal(SIGRTMIN, start_takes_long);
  sigaddset(&unblocked, SIGRTMIN);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  has_timer = timer_create(CLOCK_MONOTONIC, &event, &start_timer) == 0;
  sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
}

void csignals_start(void) { is_starting = 1; }

void csignals_started(void) {
  is_starting = 0;
  if (has_timer) timer_settime(start_timer, 0, &no_time, NULL);
  if (stop_requested) give_up();
}

void csignals_begin(const char *words) {
  interrupted_words = words;
  can_save = 1;
}

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
