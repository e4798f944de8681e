import FoundationEssentials
import SwiftProtobuf

/// One record of an event file, as TensorBoard reads them.
///
/// Source: TensorFlow's record format (core/lib/io/record_writer.h) and the messages in `Protos/events.proto`.
public struct Event {
  private var message = Chartrain_Event()

  /// - Parameters:
  ///   - step: of the run.
  ///   - time: when it happened.
  private init(step: Int, time: Date) {
    message.step = Int64(step)
    message.wallTime = time.timeIntervalSince1970
  }

  /// With what a file must begin.
  public static func fileVersion(time: Date) -> Event {
    var event = Event(step: 0, time: time)
    event.message.fileVersion = "brain.Event:2"
    return event
  }

  /// That a run goes on from here: what files before say of later steps does not count.
  public static func start(step: Int, time: Date) -> Event {
    var event = Event(step: step, time: time)
    event.message.sessionLog.status = .start
    return event
  }

  /// Numbers by their tags, such as `loss/train`.
  public static func scalars(_ values: [(tag: String, value: Double)], step: Int, time: Date) -> Event {
    var event = Event(step: step, time: time)
    event.message.summary.value = values.map { tag, number in
      var value = Chartrain_Summary.Value()
      value.tag = tag
      value.simpleValue = Float(number)
      return value
    }
    return event
  }

  /// A text, which TensorBoard shows as Markdown.
  public static func text(_ text: String, tag: String, step: Int, time: Date) -> Event {
    var event = Event(step: step, time: time)
    var value = Chartrain_Summary.Value()
    value.tag = tag
    value.metadata.pluginData.pluginName = "text"
    value.tensor.dtype = .string
    value.tensor.stringVal = [Data(text.utf8)]
    var dimension = Chartrain_Tensor.Shape.Dim()
    dimension.size = 1
    value.tensor.tensorShape.dim = [dimension]
    event.message.summary.value = [value]
    return event
  }

  /// How many numbers are in which bucket.
  ///
  /// - Parameters:
  ///   - limits: the buckets' upper ends, ascending.
  ///   - counts: of each bucket; the empty ones at both ends are left out.
  ///   - sum: of the numbers.
  ///   - sumOfSquares: of the same.
  ///   - tag: the name under which TensorBoard shows it.
  ///   - step: of the training.
  ///   - time: when it was that.
  public static func histogram(
    limits: [Double], counts: [Double], sum: Double, sumOfSquares: Double, tag: String, step: Int, time: Date
  ) -> Event {
    var event = Event(step: step, time: time)
    var value = Chartrain_Summary.Value()
    value.tag = tag
    if let first = counts.firstIndex(where: { $0 > 0 }), let last = counts.lastIndex(where: { $0 > 0 }) {
      // The lower end of the first is the limit of the one before.
      let filled = max(0, first - 1)...last
      value.histo.bucketLimit = Array(limits[filled])
      value.histo.bucket = Array(counts[filled])
      value.histo.min = limits[filled.lowerBound]
      value.histo.max = limits[last]
    }
    value.histo.num = counts.reduce(0, +)
    value.histo.sum = sum
    value.histo.sumSquares = sumOfSquares
    event.message.summary.value = [value]
    return event
  }

  /// A hyper-parameter's value.
  public enum Setting {
    case text(String)
    case number(Double)
    case flag(Bool)
  }

  /// The settings with which a run begins, and the tags of what it is judged by, for the table of hyper-parameters.
  public static func settings(_ settings: [(name: String, value: Setting)], metrics: [String], time: Date)
    -> [Event]
  {
    var experiment = Chartrain_HyperParameters()
    var start = Chartrain_HyperParameters()
    experiment.experiment.hparamInfos = settings.map { name, value in
      var parameter = Chartrain_HyperParameters.Experiment.Parameter()
      parameter.name = name
      switch value {
      case .text: parameter.type = 1
      case .flag: parameter.type = 2
      case .number: parameter.type = 3
      }
      return parameter
    }
    experiment.experiment.metricInfos = metrics.map { tag in
      var metric = Chartrain_HyperParameters.Experiment.Metric()
      metric.name.tag = tag
      return metric
    }
    start.sessionStartInfo.startTimeSecs = time.timeIntervalSince1970
    for (name, value) in settings {
      start.sessionStartInfo.hparams[name] =
        switch value {
        case .text(let text): Google_Protobuf_Value(stringValue: text)
        case .number(let number): Google_Protobuf_Value(numberValue: number)
        case .flag(let flag): Google_Protobuf_Value(boolValue: flag)
        }
    }
    return [
      hyperParameters(experiment, tag: "_hparams_/experiment", time: time),
      hyperParameters(start, tag: "_hparams_/session_start_info", time: time),
    ]
  }

  /// How a run with settings has ended.
  public static func end(isSuccess: Bool, time: Date) -> Event {
    var end = Chartrain_HyperParameters()
    end.sessionEndInfo.status = isSuccess ? .success : .failure
    end.sessionEndInfo.endTimeSecs = time.timeIntervalSince1970
    return hyperParameters(end, tag: "_hparams_/session_end_info", time: time)
  }

  private static func hyperParameters(_ data: Chartrain_HyperParameters, tag: String, time: Date) -> Event {
    var event = Event(step: 0, time: time)
    var value = Chartrain_Summary.Value()
    value.tag = tag
    value.metadata.pluginData.pluginName = "hparams"
    // A message that consists of a few numbers and texts can always be written.
    value.metadata.pluginData.content = try! data.serializedData()
    event.message.summary.value = [value]
    return event
  }

  /// The bytes of the record: its length, the message, and a checksum of each.
  public var record: [UInt8] {
    get throws {
      let data: [UInt8] = try message.serializedBytes()
      let length = withUnsafeBytes(of: UInt64(data.count).littleEndian) { [UInt8]($0) }
      return length + Self.checksum(length) + data + Self.checksum(data)
    }
  }

  /// CRC-32C, turned and shifted so that it is no checksum of data that has checksums in it.
  private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    let value = crc32c(bytes)
    let masked = (value >> 15 | value << 17) &+ 0xA282_EAD8
    return withUnsafeBytes(of: masked.littleEndian) { [UInt8]($0) }
  }
}

/// The CRC-32C (Castagnoli) of RFC 3720.
package func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
  ~bytes.reduce(UInt32.max) { crcTable[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
}

private let crcTable: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
}
