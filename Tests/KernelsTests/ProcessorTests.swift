import CProcessor
import Kernels
import Testing

@Suite struct ProcessorTests {
  private func complaint(built: Int32, found: Int32) -> String? {
    var text = [CChar](repeating: 0, count: 512)
    let length = cprocessor_complaint(built, found, "node7", &text, Int32(text.count))
    return length == 0
      ? nil : String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test func aLesserProcessorIsRefusedInOneLine() {
    #expect(complaint(built: 3, found: 4) == nil)
    #expect(complaint(built: 0, found: 0) == nil)
    #expect(
      complaint(built: 4, found: 3)
        == "error: expected a processor of level x86-64-v4 on node7, found x86-64-v3: build with CHARTRAIN_ARCH=x86-64-v3\n"
    )
  }

  @Test func openBLASIsToldOnlyWhereItChoseBadly() {
    #expect(OpenBLASCore.better(than: "Prescott", level: 4) == "SKYLAKEX")
    #expect(OpenBLASCore.better(than: "Nehalem", level: 3) == "HASWELL")
    #expect(OpenBLASCore.better(than: "Cooperlake", level: 4) == nil)
    #expect(OpenBLASCore.better(than: "Zen", level: 3) == nil)
    #expect(OpenBLASCore.better(than: "Prescott", level: 2) == nil)
    #expect(OpenBLASCore.better(than: "Neoversen1", level: 0) == nil)
  }

  /// On this thread and on those that share its work, and only for as long as that takes.
  @Test func numbersTooSmallToBeNormalAreTakenAsZero() {
    let buffer = FloatBuffer(count: 6)
    let values = buffer.elements
    values.fill(1e-15)
    func square(_ index: Int) { values[index] *= values[index + 3] * 1e-10 }
    let team = ThreadTeam(size: 3)
    defer { team.end() }
    withoutSubnormals { team.share(3) { share, _ in for index in share { square(index) } } }
    #expect((0..<3).map { values[$0] } == [0, 0, 0])
    values.fill(1e-15)
    square(0)
    #expect(values[0] > 0)
  }
}
