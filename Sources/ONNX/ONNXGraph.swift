import SwiftProtobuf

/// A graph of ONNX operators, put together node by node.
public struct ONNXGraph {
  public enum Element: Sendable {
    case float
    case int64
  }

  public enum Dimension: Sendable {
    case fixed(Int)
    /// Whatever it is when the graph runs; the same wherever it has the same name.
    case named(String)
  }

  /// Of the standard operators.
  private static let operatorsVersion: Int64 = 17
  private static let irVersion: Int64 = 8

  private var graph = Onnx_Graph()

  public init(name: String) { graph.name = name }

  /// A constant tensor.
  public mutating func add(constant name: String, shape: [Int], _ values: some Sequence<Float>) {
    var tensor = Onnx_Tensor()
    tensor.dataType = .float
    tensor.rawData.reserveCapacity(4 * shape.reduce(1, *))
    for value in values {
      withUnsafeBytes(of: value.bitPattern.littleEndian) { tensor.rawData.append(contentsOf: $0) }
    }
    add(tensor, name, shape)
  }

  /// A constant vector.
  public mutating func add(constant name: String, _ values: [Int64]) {
    var tensor = Onnx_Tensor()
    tensor.dataType = .int64
    for value in values {
      withUnsafeBytes(of: value.littleEndian) { tensor.rawData.append(contentsOf: $0) }
    }
    add(tensor, name, [values.count])
  }

  private mutating func add(_ tensor: Onnx_Tensor, _ name: String, _ shape: [Int]) {
    var tensor = tensor
    tensor.name = name
    tensor.dims = shape.map(Int64.init)
    graph.initializer.append(tensor)
  }

  /// - Parameters:
  ///   - operation: its name in ONNX.
  ///   - inputs: names; an empty one stands for none.
  ///   - outputs: names that no other node gives.
  ///   - attributes: whole numbers.
  public mutating func add(
    node operation: String, _ inputs: [String], to outputs: [String], _ attributes: [(String, Int)] = []
  ) {
    var node = Onnx_Node()
    node.opType = operation
    node.name = outputs.first { !$0.isEmpty } ?? operation
    node.input = inputs
    node.output = outputs
    node.attribute = attributes.map { name, value in
      var attribute = Onnx_Attribute()
      (attribute.name, attribute.type, attribute.i) = (name, .int, Int64(value))
      return attribute
    }
    graph.node.append(node)
  }

  public mutating func add(input name: String, _ element: Element, _ shape: [Dimension]) {
    graph.input.append(variable(name, element, shape))
  }

  public mutating func add(output name: String, _ element: Element, _ shape: [Dimension]) {
    graph.output.append(variable(name, element, shape))
  }

  private func variable(_ name: String, _ element: Element, _ shape: [Dimension]) -> Onnx_Variable {
    var variable = Onnx_Variable()
    variable.name = name
    switch element {
    case .float: variable.type.tensorType.elemType = .float
    case .int64: variable.type.tensorType.elemType = .int64
    }
    variable.type.tensorType.shape.dim = shape.map { dimension in
      var result = Onnx_Shape.Dimension()
      switch dimension {
      case .fixed(let size): result.dimValue = Int64(size)
      case .named(let name): result.dimParam = name
      }
      return result
    }
    return variable
  }

  /// The bytes of a file with this graph as its model.
  public func file(producer: String, version: String, metadata: [(key: String, value: String)]) throws
    -> [UInt8]
  {
    var model = Onnx_Model()
    (model.irVersion, model.producerName, model.producerVersion) = (Self.irVersion, producer, version)
    model.graph = graph
    var operators = Onnx_Operators()
    operators.version = Self.operatorsVersion
    model.opsetImport = [operators]
    model.metadataProps = metadata.map { key, value in
      var entry = Onnx_Entry()
      (entry.key, entry.value) = (key, value)
      return entry
    }
    return try model.serializedBytes()
  }
}
