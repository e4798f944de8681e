import CProcessor
import Glibc
import Synchronization

/// A fixed team of threads that share out the work of one kernel after the other; the caller is one of them.
///
/// Between kernels the others wait at the ready for a moment, then asleep. Shares depend on the number of threads only, and no kernel
/// lets its results depend on them.
///
/// What is not atomic is written by the caller before it announces a round, and read by the others after they have seen it: that is
/// why the class may call itself Sendable.
public final class ThreadTeam: @unchecked Sendable {
  public let size: Int

  private let round = Atomic<Int>(0)
  private let unfinished = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let isOver = Atomic<Bool>(false)
  private var work: ((Int) -> Void)?
  private var threads: [pthread_t] = []
  private let mutex: UnsafeMutablePointer<pthread_mutex_t> = .allocate(capacity: 1)
  private let wake: UnsafeMutablePointer<pthread_cond_t> = .allocate(capacity: 1)

  /// How often a waiting thread looks before it gives up the processor, and how often before it sleeps: some microseconds, then
  /// some tenths of a millisecond.
  private static let (looks, looksBeforeSleep) = (50_000, 50_200)

  /// - Parameter size: the threads, the caller among them.
  public init(size: Int) {
    precondition(size >= 1)
    self.size = size
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    threads = (1..<size).map { start($0) }
  }

  deinit {
    pthread_cond_destroy(wake)
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    wake.deallocate()
  }

  /// Ends the other threads. The team can do nothing afterwards.
  public func end() {
    isOver.store(true, ordering: .sequentiallyConsistent)
    announce()
    for thread in threads { pthread_join(thread, nil) }
    threads = []
  }

  /// Calls `body` once on each thread that gets a share of `0..<count`, with that share and the thread's number, and returns when all
  /// are done.
  @inline(__always)
  public func share(_ count: Int, _ body: (_ share: Range<Int>, _ member: Int) -> Void) {
    if size == 1 || count <= 1 {
      if count > 0 { body(0..<count, 0) }
      return
    }
    withoutActuallyEscaping(body) { body in
      run { [size] member in
        let share = count * member / size..<count * (member + 1) / size
        if !share.isEmpty { body(share, member) }
      }
    }
  }

  private func run(_ work: @escaping (Int) -> Void) {
    self.work = work
    unfinished.store(size - 1, ordering: .relaxed)
    announce()
    work(0)
    wait { unfinished.load(ordering: .acquiring) == 0 }
    self.work = nil
  }

  private func announce() {
    round.add(1, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(mutex)
      pthread_cond_broadcast(wake)
      pthread_mutex_unlock(mutex)
    }
  }

  private func wait(until condition: () -> Bool) {
    var looks = 0
    while !condition() {
      looks += 1
      if looks > Self.looks { sched_yield() }
    }
  }

  /// The life of one of the others.
  private func serve(_ member: Int) {
    // As whoever shares work with them.
    _ = cprocessor_flush_subnormals()
    var seen = 0
    while true {
      seen += 1
      awaitRound(seen)
      if isOver.load(ordering: .sequentiallyConsistent) { return }
      work!(member)
      unfinished.subtract(1, ordering: .releasing)
    }
  }

  private func awaitRound(_ number: Int) {
    for look in 0..<Self.looksBeforeSleep {
      if round.load(ordering: .acquiring) >= number { return }
      if look > Self.looks { sched_yield() }
    }
    sleepers.add(1, ordering: .sequentiallyConsistent)
    pthread_mutex_lock(mutex)
    while round.load(ordering: .sequentiallyConsistent) < number { pthread_cond_wait(wake, mutex) }
    pthread_mutex_unlock(mutex)
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
  }

  private func start(_ member: Int) -> pthread_t {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Member(team: self, number: member)).toOpaque()
    let code = pthread_create(
      &thread, nil,
      { argument in
        let member = Unmanaged<Member>.fromOpaque(argument!).takeRetainedValue()
        member.team.serve(member.number)
        return nil
      }, box)
    precondition(code == 0, "no thread to be had: error \(code)")
    return thread
  }

  private final class Member {
    let team: ThreadTeam
    let number: Int

    init(team: ThreadTeam, number: Int) {
      self.team = team
      self.number = number
    }
  }
}

/// What computes: the kernels for products, and the threads that share the work.
public struct Compute: Sendable {
  public let backend: ProductBackend
  public let team: ThreadTeam

  public init(_ backend: ProductBackend, threads: Int = 1) {
    self.backend = backend
    team = ThreadTeam(size: threads)
  }
}
