import Pipeline
import Redis
import Ticketing

// What is sent for each reservation.

extension RedisPipeline {
  /// Puts a reservation into its customer's list. Two commands.
  mutating func appendEntry(of reservation: ReservationRecord) {
    append("ZADD", argumentCount: 3) {
      $0.append(RedisKeys.listKey(of: reservation.customer))
      $0.append(0)
      $0.append(size: PageMark.listMemberSize) { reservation.pageMark.writeListMember(to: $0) }
    }
    append("EXPIRE", argumentCount: 2) {
      $0.append(RedisKeys.listKey(of: reservation.customer))
      $0.append(listLifetimeSeconds)
    }
  }

  /// Notes a reservation unless something is known of it, which is the reply. One command.
  mutating func appendNote(of reservation: ReservationRecord) {
    append("SET", argumentCount: 6) {
      $0.append(RedisKeys.key(of: reservation.id))
      $0.append(reservation.encoded)
      $0.append("NX")
      $0.append("GET")
      $0.append("EX")
      $0.append(viewLifetimeSeconds)
    }
  }
}
