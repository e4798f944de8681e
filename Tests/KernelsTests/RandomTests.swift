import Foundation
import Kernels
import Testing

@Suite struct PhiloxTests {
  /// The known answers published with the paper's code (Random123, `kat_vectors`).
  @Test func knownAnswers() {
    #expect(
      Philox(key: SIMD2(0, 0))(SIMD4(0, 0, 0, 0))
        == SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    let ones = UInt32.max
    #expect(
      Philox(key: SIMD2(ones, ones))(SIMD4(ones, ones, ones, ones))
        == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    #expect(
      Philox(key: SIMD2(0xA409_3822, 0x299F_31D0))(
        SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344))
        == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }
}

@Suite struct RandomSourceTests {
  private let random = RandomSource(seed: 7)

  @Test func everyCoordinateMatters() {
    typealias Site = RandomSource.Site
    let sites = [
      Site(), Site(step: 1), Site(layer: 1), Site(time: 1), Site(stream: 1), Site(step: 1, stream: 1),
    ]
    var draws = sites.map { random.uniform(.dropout, $0) }
    draws.append(random.uniform(.sampling, Site()))
    draws.append(random.uniform(.dropout, Site(), unit: 1))
    draws.append(random.uniform(.dropout, Site(), unit: 4))
    draws.append(RandomSource(seed: 8).uniform(.dropout, Site()))
    #expect(Set(draws).count == draws.count)
  }

  @Test func uniformAndNormalHaveTheirMoments() {
    let count = 100_000
    let uniform = (0..<count).map { random.uniform(.sampling, .init(), unit: $0) }
    let normal = (0..<count).map { random.normal(.initialisation, .init(), unit: $0) }
    #expect(uniform.allSatisfy { $0 > 0 && $0 < 1 })
    // Five standard errors each.
    #expect(abs(mean(uniform) - 0.5) < 5 * (1.0 / 12 / Double(count)).squareRoot())
    #expect(abs(mean(normal)) < 5 / Double(count).squareRoot())
    #expect(abs(mean(normal.map { $0 * $0 }) - 1) < 5 * (2 / Double(count)).squareRoot())
    #expect(normal.allSatisfy { abs($0) <= RandomSource.largestNormal })
  }

  @Test func dropoutDropsItsShareAndKeepsTheMean() {
    let count = 100_003
    let buffer = FloatBuffer(count: count)
    random.fillDropoutMask(buffer.elements, .dropout, rate: 0.3, at: .init())
    let mask = buffer.elements.array
    #expect(Set(mask) == [0, 1 / (1 - 0.3)])
    let dropped = Double(mask.filter { $0 == 0 }.count) / Double(count)
    #expect(abs(dropped - 0.3) < 5 * (0.3 * 0.7 / Double(count)).squareRoot())
  }

  @Test func aStreamsMaskDoesNotDependOnWhoElseIsThere() {
    let buffer = FloatBuffer(count: 20)
    let (long, short) = (buffer.elements.slice(0..<13), buffer.elements.slice(13..<20))
    random.fillDropoutMask(long, .dropout, rate: 0.5, at: .init(step: 3, stream: 9))
    random.fillDropoutMask(short, .dropout, rate: 0.5, at: .init(step: 3, stream: 9))
    #expect(Array(long.array.prefix(7)) == short.array)
  }

  /// Drawn eight counters at a time or one: the same numbers.
  @Test func masksAreDrawnFromTheSitesBits() {
    let random = RandomSource(seed: 11)
    let site = RandomSource.Site(step: 70_000, layer: 1, time: 5, stream: 12)
    let buffer = FloatBuffer(count: 77)
    random.fillDropoutMask(buffer.elements, .dropout, rate: 0.25, at: site)
    for unit in 0..<buffer.count {
      let isDropped = random.bits(.dropout, site, quad: unit / 4)[unit % 4] < 1 << 30
      #expect(buffer.elements[unit] == (isDropped ? 0 : 1 / (1 - 0.25 as Float)), "unit \(unit)")
    }
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
}
