public import Ticketing

// The one encoding of what was decided: in the journal, under its hashes and in the view's records.

extension ByteWriter {
  public mutating func write(_ outcome: Outcome) {
    switch outcome {
    case .held(let allocation, let expiresAt):
      write(UInt8(1))
      write(expiresAt.microseconds)
      write(allocation)
    case .rejected(let rejection):
      write(UInt8(2))
      write(rejection)
    case .extended(let expiresAt):
      write(UInt8(3))
      write(expiresAt.microseconds)
    case .released: write(UInt8(4))
    case .expired: write(UInt8(5))
    case .unchanged(let reason):
      write(UInt8(6))
      write(reason.rawValue)
    }
  }

  mutating func write(_ allocation: Allocation) {
    switch allocation {
    case .places(let section, let quantity):
      write(UInt8(0))
      write(UInt16(section))
      write(UInt16(quantity))
    case .seats(let seats):
      write(UInt8(1))
      write(seats)
    }
  }

  mutating func write(_ rejection: Rejection) {
    switch rejection {
    case .soldOut(let section, let requested, let available):
      write(UInt8(1))
      write(UInt16(clamping: section))
      write(UInt16(clamping: requested))
      write(UInt32(clamping: available))
    case .seatsTaken(let seats):
      write(UInt8(2))
      write(seats)
    case .noAdjacentSeats(let section, let requested):
      write(UInt8(3))
      write(UInt16(clamping: section))
      write(UInt16(clamping: requested))
    case .limitExceeded(let limit, let alreadyHas, let requested):
      write(UInt8(4))
      write(UInt16(clamping: limit))
      write(UInt16(clamping: alreadyHas))
      write(UInt16(clamping: requested))
    case .notOnSale: write(UInt8(5))
    case .salesPaused: write(UInt8(6))
    case .unknownSection: write(UInt8(7))
    case .unknownSeat: write(UInt8(8))
    case .eventCancelled: write(UInt8(9))
    case .discarded: write(UInt8(10))
    }
  }
}

extension ByteReader {
  public mutating func readOutcome() throws(CodingFailure) -> Outcome {
    let tag = try read(UInt8.self)
    switch tag {
    case 1:
      let expiresAt = try readTime()
      return .held(try readAllocation(), expiresAt: expiresAt)
    case 2: return .rejected(try readRejection())
    case 3: return .extended(expiresAt: try readTime())
    case 4: return .released
    case 5: return .expired
    case 6:
      let code = try read(UInt8.self)
      guard let reason = Unchanged(rawValue: code) else { throw CodingFailure("the unknown reason \(code)") }
      return .unchanged(reason)
    default: throw CodingFailure("an outcome of the unknown kind \(tag)")
    }
  }

  mutating func readAllocation() throws(CodingFailure) -> Allocation {
    let tag = try read(UInt8.self)
    switch tag {
    case 0: return .places(section: Int(try read(UInt16.self)), quantity: Int(try read(UInt16.self)))
    case 1: return .seats(try readSeats())
    default: throw CodingFailure("an allocation of the unknown kind \(tag)")
    }
  }

  mutating func readRejection() throws(CodingFailure) -> Rejection {
    let tag = try read(UInt8.self)
    switch tag {
    case 1:
      let section = Int(try read(UInt16.self))
      let requested = Int(try read(UInt16.self))
      return .soldOut(section: section, requested: requested, available: Int(try read(UInt32.self)))
    case 2: return .seatsTaken(try readSeats())
    case 3: return .noAdjacentSeats(section: Int(try read(UInt16.self)), requested: Int(try read(UInt16.self)))
    case 4:
      let limit = Int(try read(UInt16.self))
      let alreadyHas = Int(try read(UInt16.self))
      return .limitExceeded(limit: limit, alreadyHas: alreadyHas, requested: Int(try read(UInt16.self)))
    case 5: return .notOnSale
    case 6: return .salesPaused
    case 7: return .unknownSection
    case 8: return .unknownSeat
    case 9: return .eventCancelled
    case 10: return .discarded
    default: throw CodingFailure("a rejection of the unknown kind \(tag)")
    }
  }
}
