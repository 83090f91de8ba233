import Testing

@testable import bench

@Suite struct Statistics {
  @Test(arguments: [(0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0), (0.0, 1.0)])
  func `a percentile is the value that so many do not exceed`(_ share: Double, _ expected: Double) {
    #expect((1...100).map(Double.init).percentile(share) == expected)
  }

  @Test func `a percentile of one value is that value, and of none there is none`() {
    #expect([7.0].percentile(0.99) == 7)
    #expect([Double]().percentile(0.99) == nil)
  }

  @Test func `a median of an even number of values lies between the middle two`() {
    #expect(Summary([4, 1, 3, 2])?.median == 2.5)
    #expect(Summary([5, 1, 9])?.median == 5)
    #expect(Summary([5, 1, 9])?.minimum == 1)
    #expect(Summary([5, 1, 9])?.maximum == 9)
    #expect(Summary([]) == nil)
  }
}
