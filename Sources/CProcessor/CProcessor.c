#include "CProcessor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int cprocessor_built_level(void) { return CHARTRAIN_LEVEL; }

int cprocessor_level(void) {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")) return 1;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
      !__builtin_cpu_supports("bmi2"))
    return 2;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl"))
    return 3;
  return 4;
#else
  return 0;
#endif
}

unsigned long cprocessor_flush_subnormals(void) {
#if defined __x86_64__
  // Of the control register: results flushed to zero, operands taken as zero.
  unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040);
  return before;
#elif defined __aarch64__
  unsigned long before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | 1ul << 24));
  return before;
#else
  return 0;
#endif
}

void cprocessor_restore(unsigned long before) {
#if defined __x86_64__
  __builtin_ia32_ldmxcsr((unsigned)before);
#elif defined __aarch64__
  __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
  (void)before;
#endif
}

int cprocessor_complaint(int built, int found, const char *host, char *text, int size) {
  static const char *const names[] = {"another", "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
  if (found >= built) return 0;
  return snprintf(text, (size_t)size,
                  "error: expected a processor of level %s on %s, found %s: build with CHARTRAIN_ARCH=%s\n",
                  names[built], host, names[found], names[found]);
}

// Before any code that the processor may not know. Under mpirun one rank of each host speaks.
__attribute__((constructor)) static void refuse_lesser_processor(void) {
  char host[256] = "this host", text[512];
  gethostname(host, sizeof host - 1);
  int length = cprocessor_complaint(CHARTRAIN_LEVEL, cprocessor_level(), host, text, sizeof text);
  if (length == 0) return;
  const char *local_rank = getenv("OMPI_COMM_WORLD_LOCAL_RANK");
  if (local_rank == NULL || (local_rank[0] == '0' && local_rank[1] == 0)) {
    if (write(STDERR_FILENO, text, (size_t)length) < 0) _exit(1);
  }
  _exit(1);
}
