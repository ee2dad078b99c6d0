// Configs that are well-formed but break a rule: each is refused with its exact message, before anything is created.

import OCISpec
import Testing

@testable import Planning

struct InvalidPlanTests {
    @Test(arguments: Fixture.all(in: "plan/invalid"))
    func `a config that breaks a rule is refused with its exact message`(fixture: Fixture) throws {
        let expected = try fixture.expectedError
        #expect(refusal { try fixture.spec.plan() } == expected)
    }

    @Test func `there is a fixture for every rule`() { #expect(Fixture.all(in: "plan/invalid").count >= 150) }

    @Test func `an "a" in a device rule's access is ignored`() throws {
        let rule = LinuxDeviceCgroup(allow: false, type: "c", major: 1, minor: 11, access: "rwa")
        _ = try Spec.container { $0.resources = LinuxResources(devices: [rule]) }.plan()
    }

    @Test(arguments: Fixture.all(in: "plan/invalid"))
    func `a rule holds on every host`(fixture: Fixture) throws {
        let expected = try fixture.expectedError
        #expect(refusal { try fixture.spec.plan(host: .legacy) } == expected)
        #expect(refusal { try fixture.spec.plan(host: .root) } == expected)
    }
}
