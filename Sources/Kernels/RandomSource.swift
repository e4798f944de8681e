/// Every random number of a run: a pure function of (seed, purpose, step, layer, time, stream, unit).
///
/// Which rank asks, how often and in what order makes no difference, so any number of ranks and any
/// resumed run draw the same numbers.
public struct RandomSource: Sendable {
  /// What a number is drawn for. The values are part of a run's reproducibility: never change one.
  public enum Purpose: UInt32, Sendable {
    case initialisation = 1
    case dropout = 2
    case windowLength = 3
    case sampling = 4
    case gradientCheck = 5
  }

  /// Where a number belongs. `time` must be below 65,536 and `layer` below 256.
  public struct Site: Sendable {
    public var step: Int
    public var layer: Int
    public var time: Int
    public var stream: Int

    public init(step: Int = 0, layer: Int = 0, time: Int = 0, stream: Int = 0) {
      self.step = step
      self.layer = layer
      self.time = time
      self.stream = stream
    }
  }

  private let philox: Philox

  public init(seed: UInt64) {
    philox = Philox(seed: seed)
  }

  /// Four uniform 32-bit numbers, for units `4 * quad ..< 4 * quad + 4` of `site`.
  public func bits(_ purpose: Purpose, _ site: Site, quad: Int) -> SIMD4<UInt32> {
    let place = place(purpose, site)
    return philox(SIMD4(UInt32(truncatingIfNeeded: quad), place.x, place.y, place.z))
  }

  /// The counter of a site, but for the quad.
  private func place(_ purpose: Purpose, _ site: Site) -> SIMD3<UInt32> {
    precondition(site.layer < 256 && site.time < 65_536)
    return SIMD3(
      UInt32(truncatingIfNeeded: site.stream), UInt32(truncatingIfNeeded: site.step),
      purpose.rawValue << 24 | UInt32(site.layer) << 16 | UInt32(site.time))
  }

  /// One number uniform in the open interval (0, 1), with 32 bits.
  public func uniform(_ purpose: Purpose, _ site: Site, unit: Int = 0) -> Double {
    Self.openUnit(bits(purpose, site, quad: unit / 4)[unit % 4])
  }

  /// Fills `values` with the numbers of ``uniform(_:_:unit:)`` of units 0, 1, ..., spread over `-bound` to `bound`.
  public func fillUniform(_ values: Vector, bound: Double, _ purpose: Purpose, _ site: Site) {
    for quad in 0..<(values.count + 3) / 4 {
      let draws = bits(purpose, site, quad: quad)
      for lane in 0..<min(4, values.count - 4 * quad) {
        values[4 * quad + lane] = Float((2 * Self.openUnit(draws[lane]) - 1) * bound)
      }
    }
  }

  /// One number from the standard normal distribution (Box and Muller, 1958).
  public func normal(_ purpose: Purpose, _ site: Site, unit: Int = 0) -> Double {
    let quad = bits(purpose, site, quad: unit / 2)
    let offset = 2 * (unit % 2)
    let radius = (-2 * PortableMath.log(Self.openUnit(quad[offset]))).squareRoot()
    return radius * PortableMath.cos(2 * .pi * Self.openUnit(quad[offset + 1]))
  }

  /// The largest magnitude that ``normal(_:_:unit:)`` can return: the radius at the smallest uniform.
  public static let largestNormal = (-2 * PortableMath.log(openUnit(0))).squareRoot()

  /// Fills `mask` `[units]` with inverted dropout's factors: 0 with probability `rate`, else `1 / (1 - rate)`.
  public func fillDropoutMask(_ mask: Vector, _ purpose: Purpose, rate: Float, at site: Site) {
    precondition(rate >= 0 && rate < 1)
    let threshold = UInt32(Double(rate) * 0x1p32)
    let scale = 1 / (1 - rate)
    let place = place(purpose, site)
    let wholes = mask.count / 32
    // Comparisons lane by lane are slow; the highest bit of a difference tells as much.
    let limit = SIMD8<UInt64>(repeating: UInt64(threshold))
    let kept = SIMD8<UInt64>(repeating: UInt64(scale.bitPattern))
    let (one, half, top) = (
      SIMD8<UInt64>(repeating: 1), SIMD8<UInt64>(repeating: 32), SIMD8<UInt64>(repeating: 63)
    )
    for index in 0..<wholes {
      let draws = philox.eight(UInt32(truncatingIfNeeded: 8 * index), place)
      func factor(_ draw: SIMD8<UInt64>) -> SIMD8<UInt64> { (((draw &- limit) &>> top) &- one) & kept }
      var pairs = SIMD16<UInt64>.zero
      pairs.evenHalf = factor(draws.0) | (factor(draws.1) &<< half)
      pairs.oddHalf = factor(draws.2) | (factor(draws.3) &<< half)
      UnsafeMutableRawPointer(mask.base + 32 * index).storeBytes(of: pairs, as: SIMD16<UInt64>.self)
    }
    for quad in 8 * wholes..<(mask.count + 3) / 4 {
      let draws = bits(purpose, site, quad: quad)
      for lane in 0..<min(4, mask.count - 4 * quad) {
        mask[4 * quad + lane] = draws[lane] < threshold ? 0 : scale
      }
    }
  }

  /// The middle of the `bits`-th of 2^32 equal parts of (0, 1).
  private static func openUnit(_ bits: UInt32) -> Double {
    (Double(bits) + 0.5) * 0x1p-32
  }
}
