import Foundation
import Kernels
import SafeTensors
import Storage
import TestSupport
import Testing

/// A file with `header` as it is, then `dataCount` bytes.
private func file(_ header: String, dataCount: Int = 0, declared: Int? = nil) -> [UInt8] {
  let length = UInt64(declared ?? header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
    + [UInt8](repeating: 0, count: dataCount)
}

private func tensor(_ shape: String, _ offsets: String, type: String = "F32") -> String {
  #"{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}"#
}

@Suite struct SafeTensorsTests {
  private let directory = TemporaryDirectory()

  @Test func whatIsWrittenIsRead() throws {
    var numbers = TestNumbers(1)
    let buffer = FloatBuffer(count: 24)
    numbers.fill(buffer.elements)
    let path = directory.path("a.safetensors")
    let tensors = [
      OutputTensor(name: "b", shape: [2, 3], values: buffer.elements.slice(0..<6)),
      OutputTensor(name: "a/ü \"x\"", shape: [18], values: buffer.elements.slice(6..<24)),
    ]
    try writeSafeTensors(to: path, metadata: ["note": "line\nnext"], tensors: tensors)
    let file = try SafeTensorsFile(path: path)
    #expect(file.header.metadata == ["note": "line\nnext"])
    #expect(file.header.tensors.map(\.name) == ["b", "a/ü \"x\""])
    #expect(file.header.tensors.map(\.shape) == [[2, 3], [18]])
    let copy = FloatBuffer(count: 18)
    try file.read(file.header.tensors[1], into: copy.elements)
    #expect(copy.elements.array == buffer.elements.slice(6..<24).array)
    #expect(try file.dataChecksum() == dataChecksum(of: tensors))
  }

  @Test func bytesAreAsTheFormatSays() throws {
    let buffer = FloatBuffer(count: 2)
    buffer.elements.copy(from: [1, -2])
    let path = directory.path("b.safetensors")
    try writeSafeTensors(
      to: path, metadata: [:], tensors: [OutputTensor(name: "t", shape: [2], values: buffer.elements)])
    let bytes = Array(FileManager.default.contents(atPath: path)!)
    #expect(bytes.suffix(8) == [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0])
    #expect(bytes.count % 8 == 0)
  }

  /// Each breaks one rule of the format.
  @Test(
    arguments: [
      [], [1, 2, 3], file("{}", declared: 3), file("{}", declared: 100_000_001), file("[]"), file(" {}"),
      file("{"), file(#"{"a":1}"#),
      file(#"{"a":\#(tensor("[1]", "[0,4]")),"a":\#(tensor("[1]", "[0,4]"))}"#, dataCount: 4),
      file(#"{"a":\#(tensor("[2]", "[0,4]"))}"#, dataCount: 4),
      file(#"{"a":\#(tensor("[1]", "[0,4]"))}"#, dataCount: 8),
      file(#"{"a":\#(tensor("[1]", "[0,4]"))}"#, dataCount: 3),
      file(#"{"a":\#(tensor("[1]", "[4,8]"))}"#, dataCount: 8),
      file(#"{"a":\#(tensor("[1]", "[0,4]")),"b":\#(tensor("[1]", "[0,4]"))}"#, dataCount: 4),
      file(#"{"a":\#(tensor("[1]", "[0,4]")),"b":\#(tensor("[1]", "[8,12]"))}"#, dataCount: 12),
      file(#"{"a":\#(tensor("[-1]", "[0,4]"))}"#, dataCount: 4),
      file(#"{"a":\#(tensor("[4611686018427387904,4]", "[0,4]"))}"#, dataCount: 4),
      file(#"{"a":\#(tensor("[1]", "[4,0]"))}"#, dataCount: 4),
      file(#"{"a":\#(tensor("[1]", "[0,4]", type: "F31"))}"#, dataCount: 4),
      file(#"{"a":\#(tensor("[1.5]", "[0,4]"))}"#, dataCount: 4),
      file(#"{"__metadata__":{"a":1}}"#), file(#"{"__metadata__":{"a":"1","a":"2"}}"#),
      file(#"{"__metadata__":{"ab":"1","a\u0062":"2"}}"#),
      [2, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0xFF],
    ] as [[UInt8]])
  func brokenFilesAreRefused(bytes: [UInt8]) {
    let path = directory.write("broken", bytes)
    #expect(throws: SafeTensorsError.self) { try SafeTensorsFile(path: path) }
  }

  @Test func spacesBehindTheHeaderAreFine() throws {
    let path = directory.write("spaces", file(#"{"a":\#(tensor("[1]", "[0,4]"))}   "#, dataCount: 4))
    #expect(try SafeTensorsFile(path: path).header.tensors.count == 1)
  }

  @Test func scalarsAndEmptyTensorsAreFine() throws {
    let header = #"{"a":\#(tensor("[]", "[0,4]")),"b":\#(tensor("[0,3]", "[4,4]"))}"#
    let path = directory.write("scalar", file(header, dataCount: 4))
    #expect(try SafeTensorsFile(path: path).header.tensors.map(\.shape) == [[], [0, 3]])
  }

  /// The check value of CRC-32 for "123456789".
  @Test func checksumIsCRC32() {
    var checksum = Checksum()
    Array("123456789".utf8).withUnsafeBytes { checksum.add($0) }
    #expect(checksum.text == "crc32:cbf43926")
    // However the bytes come: `python3 -c 'import zlib; print(hex(zlib.crc32(bytes(range(256)))))'`.
    for pieceSize in [1, 7, 8, 100, 256] {
      var checksum = Checksum()
      let bytes = Array(UInt8.min...UInt8.max)
      for start in stride(from: 0, to: bytes.count, by: pieceSize) {
        bytes[start..<min(start + pieceSize, bytes.count)].withUnsafeBytes { checksum.add($0) }
      }
      #expect(checksum.text == "crc32:29058c73", "in pieces of \(pieceSize)")
    }
  }
}

@Suite struct AtomicWritingTests {
  private let directory = TemporaryDirectory()
  private struct Interrupted: Error {}

  @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
    let path = directory.write("file", "old")
    #expect(throws: Interrupted.self) {
      try writeAtomically(to: path) { file in
        try file.write("half of the ne")
        throw Interrupted()
      }
    }
    #expect(FileManager.default.contents(atPath: path) == Data("old".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["file"])
  }

  @Test func aFullDiskIsAStorageError() {
    // /dev/full takes every open and refuses every write.
    #expect(throws: StorageError.self) {
      let file = try OutputFile(appendingTo: "/dev/full")
      try file.write("x")
    }
  }

  @Test func directoriesThatCannotBeMadeSayWhy() {
    let path = directory.write("file", "x") + "/below"
    #expect {
      try makeDirectories(path)
    } throws: { "\($0)".contains(path) }
  }
}
