/// What was used lately, in memory of a bounded size.
///
/// When the younger half is full, the older one is dropped: what is in use is found in it before that, and moves up.
struct RecentlyUsed<Key: Hashable, Value> {
  private let maximumSize: Int
  private let size: @Sendable (Value) -> Int
  private var younger: [Key: Value] = [:]
  private var older: [Key: Value] = [:]
  private var youngerSize = 0

  /// - Parameters:
  ///   - maximumSize: of both halves.
  ///   - size: of one of them, always the same.
  init(maximumSize: Int, size: @escaping @Sendable (Value) -> Int = { _ in 1 }) {
    self.maximumSize = maximumSize
    self.size = size
  }

  mutating func value(_ key: Key) -> Value? {
    if let value = younger[key] { return value }
    guard let value = older[key] else { return nil }
    insert(value, as: key)
    return value
  }

  mutating func insert(_ value: Value, as key: Key) {
    let added = size(value)
    if youngerSize + added > maximumSize / 2 {
      older = younger
      younger = [:]
      youngerSize = 0
    }
    if let replaced = younger.updateValue(value, forKey: key) { youngerSize -= size(replaced) }
    youngerSize += added
  }
}
