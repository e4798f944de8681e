import Glibc

/// The memory of this machine, in bytes.
public func physicalMemoryBytes() -> Int {
  sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
}
