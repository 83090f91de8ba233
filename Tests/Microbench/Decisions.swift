import Ticketing

extension Microbenchmark {
  /// Commands decided and their decisions applied.
  static let decisions = [
    Microbenchmark("decide: a place, standing", iterations: 10_000) {
      let sale = Sale([standing()])
      return { sale.reserve(.best(section: 0, quantity: 1, adjacent: true)) }
    },
    Microbenchmark("decide: 1 to 6 best seats of 100,000, until sold out", iterations: 26_000) {
      let sale = Sale([hall(rows: 1000)])
      var quantity = 0
      return {
        quantity = quantity % 6 + 1
        sale.reserve(.best(section: 0, quantity: quantity, adjacent: true))
      }
    },
    Microbenchmark("decide: 4 named seats of 100,000", iterations: 5000) {
      let sale = Sale([hall(rows: 1000)])
      var next: SeatIndex = 0
      return {
        sale.reserve(.seats([next, next + 1, next + 2, next + 3]))
        next += 4
      }
    },
    Microbenchmark("decide: 5 seats split, every other seat of 10,000 taken") {
      let sale = Sale([hall(rows: 100)], limit: 100)
      for first in stride(from: 0, to: 10_000, by: 200) {
        sale.reserve(.seats(stride(from: first, to: first + 200, by: 2).map { SeatIndex($0) }))
      }
      return { sale.perform(.release(sale.reserve(.best(section: 0, quantity: 5, adjacent: false)))) }
    },
    Microbenchmark("decide: an extension", iterations: 5000) {
      let sale = Sale([standing()])
      let ids = (0..<6000).map { _ in sale.reserve(.best(section: 0, quantity: 1, adjacent: true)) }
      var next = 0
      return {
        sale.perform(.extend(ids[next]))
        next += 1
      }
    },
    Microbenchmark("refuse: sold out") {
      let sale = Sale([standing(1000)], holds: 1000)
      return { sale.reserve(.best(section: 0, quantity: 1, adjacent: true)) }
    },
    Microbenchmark("refuse: seats taken") {
      let sale = Sale(rows: 10, taken: 1000)
      return { sale.reserve(.seats([10, 11, 12, 13])) }
    },
    Microbenchmark("refuse: too many for one") {
      let sale = Sale([standing()])
      return { sale.reserve(.best(section: 0, quantity: 9, adjacent: true)) }
    },
  ]

  /// The same in pairs of small and large: what must not cost more where there is more of it.
  static let growth = [
    Microbenchmark("grow: reserve and release, 0 holds") { reserveAndRelease(Sale([standing()])) },
    Microbenchmark("grow: reserve and release, 100,000 holds") { reserveAndRelease(Sale([standing()], holds: 100_000)) },
    Microbenchmark("grow: expire and reserve, 1,000 holds") { expireAndReserve(Sale([standing()], holds: 1000)) },
    Microbenchmark("grow: expire and reserve, 100,000 holds") { expireAndReserve(Sale([standing()], holds: 100_000)) },
    Microbenchmark("grow: reserve and release, hall of 100") { reserveAndRelease(Sale([hall(rows: 1)])) },
    Microbenchmark("grow: reserve and release, hall of 100,000") { reserveAndRelease(Sale([hall(rows: 1000)])) },
    Microbenchmark("grow: reserve and release, hall of 100, half taken") { reserveAndRelease(Sale(rows: 1, taken: 50)) },
    Microbenchmark("grow: reserve and release, hall of 100,000, half taken") {
      reserveAndRelease(Sale(rows: 1000, taken: 50_050))
    },
  ]

  private static func reserveAndRelease(_ sale: Sale) -> () -> Void {
    { sale.perform(.release(sale.reserve(.best(section: 0, quantity: 2, adjacent: true)))) }
  }

  private static func expireAndReserve(_ sale: Sale) -> () -> Void {
    // Every hold lasts equally long, and each is due when a new one is made.
    sale.now = sale.now.adding(seconds: 600)
    return {
      for id in sale.state.dueExpiries(at: sale.now, upTo: 1) { sale.perform(.expire(id)) }
      sale.reserve(.best(section: 0, quantity: 2, adjacent: true))
    }
  }
}
