// Lists of any length are planned in linear time.

import OCISpec
import Testing

@testable import Planning

/// 100,000 entries: what was quadratic took minutes for them, what is linear takes a second in a debug build.
@Suite(.timeLimit(.minutes(1))) struct `a list of a hundred thousand` {
    private static let many = 0..<100_000
    private static let lists: [(String, @Sendable (inout Spec) -> Void)] = [
        ("sysctls", { $0.linux?.sysctl = .init(uniqueKeysWithValues: many.map { ("net.a.b\($0)", "1") }) }),
        (
            "devices",
            { $0.linux?.devices = many.map { LinuxDevice(path: "/dev/x\($0)", type: "c", major: 1, minor: 3) } }
        ),
        (
            "network devices",
            {
                $0.linux?.netDevices = .init(
                    uniqueKeysWithValues: many.map { ("a\($0)", LinuxNetDevice(name: "b\($0)")) })
            }
        ),
        ("capabilities", { $0.process?.capabilities = LinuxCapabilities(bounding: many.map { "CAP_\($0)" }) }),
        ("variables", { $0.process?.env = many.map { "V\($0)=1" } }),
        ("masked paths", { $0.linux?.maskedPaths = many.map { "/m\($0)" } }),
        ("read-only paths", { $0.linux?.readonlyPaths = many.map { "/r\($0)" } }),
        ("annotations", { $0.annotations = .init(uniqueKeysWithValues: many.map { ("a\($0)", "b") }) }),
    ]

    @Test(arguments: lists.indices) func `is planned`(index: Int) throws {
        var spec = Spec.container()
        Self.lists[index].1(&spec)
        _ = try spec.plan()
    }

    @Test func `finds what is there twice`() {
        var names = EarlierNames()
        for number in 0..<40 { #expect(names.place(of: "n\(number)", at: number * 2) == nil) }
        for number in 0..<40 { #expect(names.place(of: "n\(number)", at: 100) == number * 2) }
    }
}
