import Redis
import Ticketing

/// A key with an id in it. It is put together where it goes, since every request needs some: to interpolate one makes several strings.
struct RedisKey<ID: Identifier> {
  private let id: ID
  private let kind: StaticString
  /// Whether all of the id stands in braces, and none behind the kind.
  private let isTag: Bool

  /// `th:{…}:kind:id`, with the first four bytes of the id in braces, which are its first eight letters.
  init(_ kind: StaticString, _ id: ID) { (self.id, self.kind, isTag) = (id, kind, false) }

  /// `th:{id}:kind`
  init(of id: ID, _ kind: StaticString) { (self.id, self.kind, isTag) = (id, kind, true) }

  var text: String {
    String(unsafeUninitializedCapacity: size) { room in
      write(to: UnsafeMutableRawBufferPointer(room))
      return size
    }
  }

  /// How many bytes it has.
  var size: Int {
    opening.utf8CodeUnitCount + closing.utf8CodeUnitCount + kind.utf8CodeUnitCount + idSize
      + (isTag ? 0 : tagSize + colon.utf8CodeUnitCount)
  }

  /// Writes it to a place of its size.
  func write(to place: UnsafeMutableRawBufferPointer) {
    var end = place.baseAddress!
    func write(_ text: UnsafeRawPointer, _ size: Int) {
      end.copyMemory(from: text, byteCount: size)
      end += size
    }
    func write(_ text: StaticString) { write(text.utf8Start, text.utf8CodeUnitCount) }

    write(opening)
    let name = isTag ? end : place.baseAddress! + (size - idSize)
    id.write(into: UnsafeMutableRawBufferPointer(start: name, count: idSize))
    if isTag { end += idSize } else { write(name, tagSize) }
    write(closing)
    write(kind)
    if !isTag { write(colon) }
  }
}

private let opening: StaticString = "th:{"
private let closing: StaticString = "}:"
private let colon: StaticString = ":"
private let idSize = 36
private let tagSize = 8

extension RedisWords {
  mutating func append(_ key: RedisKey<some Identifier>) { append(size: key.size) { key.write(to: $0) } }
}
