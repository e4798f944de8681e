#ifndef CPROCESSOR_H
#define CPROCESSOR_H

// What the processor can do, and whether it is enough for this program. The only file about one kind of processor.

/// The level of x86-64 that the program was built for, 1 to 4; 0 on other kinds of processors.
int cprocessor_built_level(void);
/// The level of x86-64 that this processor has, 1 to 4, as far as the operating system supports it; 0 on other kinds.
int cprocessor_level(void);
/// The message for a processor of level `found` where `built` is needed, or nothing where it suffices. Returns its length.
int cprocessor_complaint(int built, int found, const char *host, char *text, int size);

/// From now on this thread takes numbers as zero that are too small for full precision, where the processor can. Returns what
/// cprocessor_restore() takes to make it as it was.
unsigned long cprocessor_flush_subnormals(void);
void cprocessor_restore(unsigned long before);

/// Asks for the memory at an address, which need not be this program's, to be brought into the nearer caches.
static inline void cprocessor_prefetch(const void *address) { __builtin_prefetch(address, 0, 2); }

#endif
