// swift-tools-version: 6.2
import PackageDescription

// A package of its own: Hummingbird takes minutes to build, and nothing but the benchmark needs it.
let package = Package(
  name: "yardstick",
  dependencies: [.package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0")],
  targets: [
    .executableTarget(
      name: "yardstick", dependencies: [.product(name: "Hummingbird", package: "hummingbird")], path: "Sources",
      swiftSettings: [.treatAllWarnings(as: .error)])
  ]
)
