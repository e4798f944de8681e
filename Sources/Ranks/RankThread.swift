import Glibc

/// A POSIX thread that runs one closure and hands over its outcome.
final class RankThread<Outcome: Sendable> {
  private var thread = pthread_t()
  private let job: Job

  /// The outcome is written by the thread before it ends and read after it has been joined.
  private final class Job: @unchecked Sendable {
    let body: @Sendable () throws -> Outcome
    var outcome: Result<Outcome, any Error>?

    init(_ body: @escaping @Sendable () throws -> Outcome) { self.body = body }

    func run() { outcome = Result(catching: body) }
  }

  /// Starts the thread. Traps if the system has none to give.
  init(_ body: @escaping @Sendable () throws -> Outcome) {
    job = Job(body)
    let box = Unmanaged.passRetained(AnyJob(job.run)).toOpaque()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    // As much as a main thread has.
    pthread_attr_setstacksize(&attributes, 8 << 20)
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        Unmanaged<AnyJob>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, box)
    pthread_attr_destroy(&attributes)
    precondition(code == 0, "no thread to be had: error \(code)")
  }

  /// Waits for the thread's end.
  func join() -> Result<Outcome, any Error> {
    pthread_join(thread, nil)
    return job.outcome!
  }
}

/// A job without its type, since a C function pointer cannot know it.
private final class AnyJob {
  let run: () -> Void

  init(_ run: @escaping () -> Void) { self.run = run }
}
