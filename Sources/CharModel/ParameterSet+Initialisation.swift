import Kernels

extension ParameterSet {
  /// Draws the initial parameters: the embedding from N(0, 1), all others uniform in `±1/sqrt(H)`, as
  /// PyTorch does for these layers.
  public func initialise(_ random: RandomSource) {
    let bound = 1 / Double(config.hidden).squareRoot()
    for (index, tensor) in layout.tensors.enumerated() {
      let values = elements(of: tensor)
      // A site per tensor; the tensor's number takes the step's place, since no step has been made.
      let site = RandomSource.Site(step: index)
      if tensor.name == "e.weight" {
        for unit in 0..<values.count {
          values[unit] = Float(random.normal(.initialisation, site, unit: unit))
        }
      } else {
        random.fillUniform(values, bound: bound, .initialisation, site)
      }
    }
  }
}
