import Glibc

/// Where the threads of a ``ThreadWorld`` meet: a barrier, and a post box for each pair of ranks.
///
/// Once a rank has failed, every wait throws ``RankError/otherRankFailed``: none hangs.
///
/// Everything below the lock is touched by its holder only, which is why the class may call itself Sendable.
final class Meeting: @unchecked Sendable {
  let size: Int

  private let lock = ConditionLock()
  private var arrived = 0
  private var round = 0
  private var hasFailed = false
  private var pointers: [UnsafeMutableRawPointer?]
  private var letters: [Route: UnsafeRawBufferPointer] = [:]

  private struct Route: Hashable {
    let from: Int
    let to: Int
  }

  init(size: Int) {
    self.size = size
    pointers = Array(repeating: nil, count: size)
  }

  /// Tells every rank, now waiting or later, that one has failed.
  func fail() {
    lock.hold {
      hasFailed = true
      lock.wakeAll()
    }
  }

  /// Waits for all ranks.
  func wait() throws {
    try lock.hold { try waitHoldingLock() }
  }

  /// Waits for all ranks and returns what each of them brought.
  func exchange(_ pointer: UnsafeMutableRawPointer, rank: Int) throws -> [UnsafeMutableRawPointer] {
    try lock.hold {
      pointers[rank] = pointer
      try waitHoldingLock()
      return pointers.map { $0! }
    }
  }

  /// Shows `bytes` to rank `to` until it has copied them.
  func send(_ bytes: UnsafeRawBufferPointer, from: Int, to: Int) throws {
    try post(bytes, from: from, to: to)
    try waitUntilTaken(from: from, to: to)
  }

  /// Shows `bytes` to rank `to`; they must stay until ``waitUntilTaken(from:to:)`` returns.
  func post(_ bytes: UnsafeRawBufferPointer, from: Int, to: Int) throws {
    let route = Route(from: from, to: to)
    try lock.hold {
      try waitHoldingLock { letters[route] == nil }
      letters[route] = bytes
      lock.wakeAll()
    }
  }

  /// Waits until rank `to` has copied what was posted.
  func waitUntilTaken(from: Int, to: Int) throws {
    let route = Route(from: from, to: to)
    try lock.hold {
      do { try waitHoldingLock { letters[route] == nil } } catch {
        // The bytes are the sender's, and may be gone as soon as it goes.
        letters[route] = nil
        throw error
      }
    }
  }

  func receive(_ bytes: UnsafeMutableRawBufferPointer, from: Int, to: Int) throws {
    let route = Route(from: from, to: to)
    try lock.hold {
      try waitHoldingLock { letters[route] != nil }
      let letter = letters[route]!
      precondition(letter.count == bytes.count, "sent \(letter.count) bytes, expected \(bytes.count)")
      bytes.copyMemory(from: letter)
      letters[route] = nil
      lock.wakeAll()
    }
  }

  private func waitHoldingLock() throws {
    let myRound = round
    arrived += 1
    if arrived == size {
      arrived = 0
      round += 1
      lock.wakeAll()
    }
    try waitHoldingLock { round != myRound }
  }

  private func waitHoldingLock(until condition: () -> Bool) throws {
    while !condition() {
      if hasFailed { throw RankError.otherRankFailed }
      lock.waitForWake()
    }
  }
}

/// A mutex with a condition variable, from POSIX threads.
private final class ConditionLock {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private let condition: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func hold<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  func waitForWake() { pthread_cond_wait(condition, mutex) }

  func wakeAll() { pthread_cond_broadcast(condition) }
}
