public import Hummingbird

/// What a handler knows beside the request.
public struct GatewayContext: RequestContext {
  public var coreContext: CoreRequestContextStorage

  public init(source: Source) { coreContext = CoreRequestContextStorage(source: source) }
}
