// Device rules: parsing, reducing, and their form in v1 and v2.

import OCISpec
import Testing

@testable import Cgroups

private let denyAll = LinuxDeviceCgroup(allow: false, access: "rwm")
private let allowAll = LinuxDeviceCgroup(allow: true, type: "a", access: "rwm")

struct DeviceRuleTests {
    private let defaults = [
        "allow device c *:* m", "allow device b *:* m", "allow device c 1:3 rwm", "allow device c 1:5 rwm",
        "allow device c 1:7 rwm", "allow device c 1:8 rwm", "allow device c 1:9 rwm", "allow device c 5:0 rwm",
        "allow device c 136:* rwm", "allow device c 5:2 rwm", "allow device c 10:200 rwm",
    ]

    @Test func `without entries deny all but the usual devices`() throws {
        #expect(try DevicePolicy([]).summary == ["deny all devices"] + defaults)
        #expect(try DevicePolicy([denyAll]).summary == ["deny all devices"] + defaults)
    }

    @Test func `that allow everything reduce to nothing`() throws {
        #expect(try DevicePolicy([denyAll, allowAll]).summary == ["allow all devices"])
        #expect(try DevicePolicy([allowAll]).allowsEverything)
    }

    @Test func `of the configuration come before the usual devices`() throws {
        let rules = [
            denyAll, LinuxDeviceCgroup(allow: true, type: "b", major: 8, minor: 0, access: "r"),
            LinuxDeviceCgroup(allow: true, type: "c", major: 7, minor: -1, access: "wr"),
        ]
        let expected = ["deny all devices", "allow device b 8:0 r", "allow device c 7:* rw"] + defaults
        #expect(try DevicePolicy(rules).summary == expected)
    }

    @Test func `for all devices replace the earlier ones`() throws {
        let rules = [LinuxDeviceCgroup(allow: true, type: "b", major: 8, minor: 0, access: "r"), denyAll]
        #expect(try DevicePolicy(rules).summary == ["deny all devices"] + defaults)
    }

    @Test func `for both kinds with less than everything are two rules`() throws {
        let rules = [LinuxDeviceCgroup(allow: true, type: "a", major: 8, access: "r")]
        #expect(
            try DevicePolicy(rules).summary.prefix(3) == [
                "deny all devices", "allow device c 8:* r", "allow device b 8:* r",
            ])
    }

    @Test func `are reduced to those that have an effect`() {
        let policy = DevicePolicy(
            allowsByDefault: false,
            rules: [
                DeviceRule(allow: false, .block, 1, 1, .all),  // the default
                DeviceRule(allow: true, .block, 2, 2, .read),  // covered by the next but one
                DeviceRule(allow: false, .character, 2, 2, .read),  // the default, nothing before it
                DeviceRule(allow: true, .block, 2, nil, .all),
                DeviceRule(allow: false, .block, 2, 3, .write),  // a hole
            ])
        #expect(
            policy.rules == [
                DeviceRule(allow: true, .block, 2, nil, .all), DeviceRule(allow: false, .block, 2, 3, .write),
            ])
    }

    /// The same by comparing each with each.
    private func reduced(_ rules: [DeviceRule], allowsByDefault: Bool) -> [DeviceRule] {
        var kept: [DeviceRule] = []
        for (index, rule) in rules.enumerated() {
            let isCovered = rules[(index + 1)...].contains {
                $0.devices.covers(rule.devices) && $0.access.isSuperset(of: rule.access)
            }
            if isCovered { continue }
            let changesAnything =
                rule.allow != allowsByDefault
                || kept.contains {
                    $0.allow != rule.allow && $0.devices.meets(rule.devices) && !$0.access.isDisjoint(with: rule.access)
                }
            if changesAnything { kept.append(rule) }
        }
        return kept
    }

    /// The exceptions in v1, by the same rules; nil if v1 cannot represent the policy.
    private func exceptions(_ policy: DevicePolicy) -> [DeviceRule]? {
        var result: [DeviceRule] = []
        for rule in policy.rules {
            if rule.allow != policy.allowsByDefault {
                if let same = result.firstIndex(where: { $0.devices == rule.devices }) {
                    result[same].access.formUnion(rule.access)
                } else {
                    result.append(rule)
                }
                continue
            }
            for index in result.indices where result[index].devices.meets(rule.devices) {
                if result[index].access.isDisjoint(with: rule.access) { continue }
                guard rule.devices.covers(result[index].devices) else { return nil }
                result[index].access.subtract(rule.access)
            }
            result.removeAll { $0.access.isEmpty }
        }
        return result
    }

    @Test func `are reduced as by comparing each with each`() {
        var random = SystemRandomNumberGenerator()
        let numbers: [UInt32?] = [nil, 1, 2, 3]
        for round in 0..<4000 {
            let rules = (0..<Int.random(in: 0...14, using: &random)).map { _ in
                DeviceRule(
                    allow: Bool.random(using: &random), Bool.random(using: &random) ? .block : .character,
                    numbers.randomElement(using: &random) ?? nil, numbers.randomElement(using: &random) ?? nil,
                    DeviceAccess(rawValue: UInt32.random(in: 1...7, using: &random)))
            }
            let policy = DevicePolicy(allowsByDefault: round % 2 == 0, rules: rules)
            #expect(policy.rules == reduced(rules, allowsByDefault: round % 2 == 0), "\(rules.map(\.text))")
            let legacy = try? LegacyDevices(policy)
            #expect(legacy?.exceptions == exceptions(policy), "\(policy.summary)")
        }
    }

    @Test(arguments: [
        (LinuxDeviceCgroup(allow: true), "access: expected some of \"rwm\", found nothing"),
        (LinuxDeviceCgroup(allow: true, access: "a"), "access: expected some of \"rwm\", found \"a\""),
        (LinuxDeviceCgroup(allow: true, access: "rx"), "access: expected some of \"rwm\", found \"rx\""),
        (LinuxDeviceCgroup(allow: true, type: "u", access: "r"), "type: expected \"a\", \"b\" or \"c\", found \"u\""),
        (LinuxDeviceCgroup(allow: true, major: -2, access: "r"), "major: -2 is not a device number"),
        (LinuxDeviceCgroup(allow: true, minor: 1 << 40, access: "r"), "minor: 1099511627776 is not a device number"),
    ])
    func `are refused with the reason`(rule: LinuxDeviceCgroup, reason: String) {
        let refusal = failure { () throws(CgroupFailure) in try DevicePolicy([denyAll, rule]) }
        #expect(refusal == CgroupFailure(.invalid, "linux.resources.devices[1].\(reason)"))
    }
}

struct LegacyDeviceRuleTests {
    private func lines(_ policy: DevicePolicy, from list: String?) throws -> [String] {
        let current = list.flatMap(LegacyDevices.init(list:))
        return try LegacyDevices(policy).transitions(from: current).map { "\($0.allow ? "allow" : "deny") \($0.text)" }
    }

    private let few = DevicePolicy(
        allowsByDefault: false,
        rules: [DeviceRule(allow: true, .character, 1, 3, .all), DeviceRule(allow: true, .block, 8, nil, .read)])

    @Test func `of a new cgroup start with a deny of everything`() throws {
        #expect(try lines(few, from: nil) == ["deny a", "allow c 1:3 rwm", "allow b 8:* r"])
        #expect(try lines(few, from: "a *:* rwm\n") == ["deny a", "allow c 1:3 rwm", "allow b 8:* r"])
    }

    @Test func `that are already in force are not written`() throws {
        #expect(try lines(few, from: "b 8:* r\nc 1:3 rwm\n") == [])
    }

    @Test func `are changed by the difference, additions first`() throws {
        #expect(
            try lines(few, from: "b 8:* rw\nc 1:3 rm\nc 1:5 rwm\n") == [
                "allow c 1:3 w", "deny b 8:* w", "deny c 1:5 rwm",
            ])
    }

    @Test func `with exceptions from everything are denials`() throws {
        let policy = DevicePolicy(allowsByDefault: true, rules: [DeviceRule(allow: false, .block, 8, 0, .write)])
        #expect(try lines(policy, from: nil) == ["allow a", "deny b 8:0 w"])
    }

    @Test func `take back what a later rule covers`() throws {
        let policy = DevicePolicy(
            allowsByDefault: false,
            rules: [
                DeviceRule(allow: true, .block, 8, 0, .all), DeviceRule(allow: true, .block, 9, 0, .all),
                DeviceRule(allow: false, .block, nil, nil, .write),
            ])
        #expect(try lines(policy, from: nil) == ["deny a", "allow b 8:0 rm", "allow b 9:0 rm"])
    }

    @Test func `that remove part of a wider rule are refused`() {
        let policy = DevicePolicy(
            allowsByDefault: false,
            rules: [DeviceRule(allow: true, .block, 8, nil, .all), DeviceRule(allow: false, .block, 8, 1, .write)])
        let refusal = failure { () throws(CgroupFailure) in try LegacyDevices(policy) }
        #expect(
            refusal
                == CgroupFailure(
                    .unavailable,
                    "linux.resources.devices: cgroup v1 cannot deny b 8:1 w after allowing b 8:* rwm, which holds it"))
    }
}

/// The part of an eBPF machine that a device program needs.
private func answer(
    _ program: DeviceProgram, _ kind: DeviceRule.Kind, _ major: UInt32, _ minor: UInt32, _ access: DeviceAccess
) -> UInt64? {
    var registers = [UInt64](repeating: 0xdead, count: 6)
    let context: [Int16: UInt32] = [0: kind.rawValue | access.rawValue << 16, 4: major, 8: minor]
    var index = 0
    for _ in 0..<10_000 where program.instructions.indices.contains(index) {
        let one = program.instructions[index]
        let to = Int(one.destination)
        let immediate = UInt64(bitPattern: Int64(one.immediate))
        index += 1
        switch one.code {
        case 0x61: registers[to] = UInt64(context[one.offset] ?? 0)
        case 0x54: registers[to] = (registers[to] & immediate) & 0xffff_ffff
        case 0x74: registers[to] = (registers[to] & 0xffff_ffff) >> immediate
        case 0xbc: registers[to] = registers[Int(one.source)] & 0xffff_ffff
        case 0xb7: registers[to] = immediate
        case 0x55: if registers[to] != immediate { index += Int(one.offset) }
        case 0x15: if registers[to] == immediate { index += Int(one.offset) }
        case 0x95: return registers[0]
        default: return nil
        }
    }
    return nil
}

struct DeviceProgramTests {
    @Test func `are these instructions`() {
        let policy = DevicePolicy(
            allowsByDefault: false,
            rules: [DeviceRule(allow: true, .block, 8, nil, .read), DeviceRule(allow: true, .character, 1, 3, .all)])
        let expected: [UInt64] = [
            0x0000_0000_0000_1261, 0x0000_ffff_0000_0254, 0x0000_0000_0000_1361, 0x0000_0010_0000_0374,
            0x0000_0000_0004_1461, 0x0000_0000_0008_1561,  // loads
            0x0000_0002_0004_0255, 0x0000_0001_0003_0455, 0x0000_0003_0002_0555, 0x0000_0001_0000_00b7,
            0x0000_0000_0000_0095,  // c 1:3
            0x0000_0001_0005_0255, 0x0000_0008_0004_0455, 0x0000_0005_0000_0354, 0x0000_0000_0002_0355,
            0x0000_0001_0000_00b7, 0x0000_0000_0000_0095,  // b 8:* r
            0x0000_0000_0000_00b7, 0x0000_0000_0000_0095,  // deny
        ]
        #expect(DeviceProgram(policy).instructions.map(\.encoded) == expected)
    }

    @Test func `allow the usual devices and nothing else`() throws {
        let program = DeviceProgram(try DevicePolicy([denyAll]))
        #expect(answer(program, .character, 1, 3, [.read, .write]) == 1)
        #expect(answer(program, .character, 136, 7, .all) == 1)
        #expect(answer(program, .character, 10, 200, .read) == 1)
        #expect(answer(program, .character, 10, 229, .read) == 0)
        #expect(answer(program, .block, 1, 3, .read) == 0)
        #expect(answer(program, .block, 8, 0, .mknod) == 1)
        #expect(answer(program, .block, 8, 0, [.mknod, .read]) == 0)
    }

    @Test func `put parts of an access together from several rules`() {
        let policy = DevicePolicy(
            allowsByDefault: false,
            rules: [DeviceRule(allow: true, .block, 8, 0, .read), DeviceRule(allow: true, .block, 8, nil, .write)])
        let program = DeviceProgram(policy)
        #expect(answer(program, .block, 8, 0, [.read, .write]) == 1)
        #expect(answer(program, .block, 8, 1, [.read, .write]) == 0)
        #expect(answer(program, .block, 8, 1, .write) == 1)
        #expect(answer(program, .block, 8, 0, .all) == 0)
    }

    @Test func `deny an access of which a part is denied`() {
        let policy = DevicePolicy(allowsByDefault: true, rules: [DeviceRule(allow: false, .block, 8, 0, .write)])
        let program = DeviceProgram(policy)
        #expect(answer(program, .block, 8, 0, [.read, .write]) == 0)
        #expect(answer(program, .block, 8, 0, .read) == 1)
        #expect(answer(program, .character, 8, 0, .write) == 1)
    }

    @Test func `apply the last rule that matches`() {
        let policy = DevicePolicy(
            allowsByDefault: false,
            rules: [
                DeviceRule(allow: true, .block, 8, nil, .all), DeviceRule(allow: false, .block, 8, 1, .all),
                DeviceRule(allow: true, .block, nil, 1, .read),
            ])
        let program = DeviceProgram(policy)
        #expect(answer(program, .block, 8, 1, .read) == 1)
        #expect(answer(program, .block, 8, 1, .write) == 0)
        #expect(answer(program, .block, 8, 2, .write) == 1)
        #expect(answer(program, .block, 9, 1, .read) == 1)
    }
}
