// Hardware of the host that a container gets: network devices, and shares of cache and memory bandwidth.

import OCISpec
import Testing

@testable import Planning

struct NetworkDevicePlanTests {
    private func steps(_ devices: [String: String?]) throws -> [NetworkDeviceStep] {
        try Spec.container {
            $0.netDevices = TextMap(uniqueKeysWithValues: devices.map { ($0.key, LinuxNetDevice(name: $0.value)) })
        }.plan().networkDevices
    }

    @Test func `devices keep their names or take others, in order`() throws {
        #expect(
            try steps(["eth1": nil, "eth0": "wan", "eth2": "", "eth3": "e%d", "eth4": "e%d"]).map {
                "\($0.key) \($0.nameInside)"
            }
                == [
                    "linux.netDevices.eth0 wan", "linux.netDevices.eth1 eth1", "linux.netDevices.eth2 eth2",
                    "linux.netDevices.eth3 e%d", "linux.netDevices.eth4 e%d",
                ])
    }

    @Test(arguments: ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-letters!"])
    func `a name that the kernel would refuse is refused`(name: String) {
        #expect(
            refusal { try steps([name: nil]) }
                == "linux.netDevices.\(name): \"\(name)\" is not a valid name of a network device"
        )
        guard !name.isEmpty else { return }
        #expect(
            refusal { try steps(["eth0": name]) }
                == "linux.netDevices.eth0.name: \"\(name)\" is not a valid name of a network device")
    }

    @Test func `two devices cannot have one name, and none go nowhere`() {
        #expect(
            refusal { try steps(["eth0": "x", "eth1": "x"]) }
                == "linux.netDevices.eth1.name: \"x\" is also the name of eth0")
        let spec = Spec.container {
            $0.netDevices = ["eth0": LinuxNetDevice()]
            $0.namespaces.removeAll { $0.type == "network" }
        }
        #expect(refusal { try spec.plan() } == "linux.netDevices: needs a network namespace in linux.namespaces")
    }
}

struct ResctrlPlanTests {
    private func plan(_ rdt: LinuxIntelRdt) throws -> ResctrlPlan? {
        try Spec.container { $0.intelRdt = rdt }.plan().resctrl
    }

    @Test func `a group of its own carries the container's id`() throws {
        #expect(
            try plan(
                LinuxIntelRdt(schemata: ["L3:1=3"], l3CacheSchema: "L3:0=ff; 1=0f\nMB:0=1", memBwSchema: "MB:0=20"))
                == ResctrlPlan(
                    group: "web", isShared: false, schemata: ["L3:0=ff;1=0f", "MB:0=20", "L3:1=3"], monitor: nil))
        #expect(
            try plan(LinuxIntelRdt(l3CacheSchema: "L3:0=f\nMB:0=70"))?.schemata == ["L3:0=f", "MB:0=70"])
        #expect(
            try plan(LinuxIntelRdt(enableMonitoring: true))
                == ResctrlPlan(group: "web", isShared: false, schemata: [], monitor: "web"))
        #expect(try Spec.container().plan().resctrl == nil)
    }

    @Test func `a class that is named is shared; a slash is the root group`() throws {
        #expect(
            try plan(LinuxIntelRdt(closID: "gold"))
                == ResctrlPlan(group: "gold", isShared: true, schemata: [], monitor: nil))
        #expect(try plan(LinuxIntelRdt(closID: "/"))?.group == "")
        #expect(try plan(LinuxIntelRdt(closID: ""))?.isShared == false)
    }

    @Test(arguments: [".", "..", "a/b", "/a", "a\nb"])
    func `a class with a path is refused`(name: String) {
        #expect(
            refusal { try plan(LinuxIntelRdt(closID: name)) as Any }
                == "linux.intelRdt.closID: \"\(name)\" is not a valid name of a class of service")
    }

    @Test func `an invalid schema is refused`() {
        let expected: [(LinuxIntelRdt, String)] = [
            (LinuxIntelRdt(l3CacheSchema: "ff"), "l3CacheSchema: \"ff\" is not a schema such as L3:0=ff;1=ff"),
            (LinuxIntelRdt(memBwSchema: "L3:0=f"), "memBwSchema: \"L3:0=f\" does not begin with MB:"),
            (LinuxIntelRdt(memBwSchema: "MB:0=1\nMB:1=1"), "memBwSchema: must be one line"),
            (LinuxIntelRdt(schemata: ["L3:0=1\nL3:1=2"]), "schemata[0]: must be one line"),
            (LinuxIntelRdt(schemata: ["L3:0=1", "L2:"]), "schemata[1]: \"L2:\" is not a schema such as L3:0=ff;1=ff"),
        ]
        for (rdt, problem) in expected {
            #expect(refusal { try plan(rdt) as Any } == "linux.intelRdt." + problem)
        }
    }

    @Test func `an update changes the group that the container has, or makes one of its own`() throws {
        #expect(
            try ResctrlPlan(changing: nil, cache: "L3:0=f", bandwidth: "MB:0=20", id: "web")
                == ResctrlPlan(group: "web", isShared: false, schemata: ["L3:0=f", "MB:0=20"], monitor: nil))
        #expect(
            try ResctrlPlan(
                changing: LinuxIntelRdt(closID: "gold", schemata: ["L2:0=f"], enableMonitoring: true), cache: nil,
                bandwidth: "MB:0=20", id: "web")
                == ResctrlPlan(group: "gold", isShared: true, schemata: ["MB:0=20"], monitor: nil))
        #expect(
            refusal { try ResctrlPlan(changing: nil, cache: "ff", bandwidth: nil, id: "web") as Any }
                == "linux.intelRdt.l3CacheSchema: \"ff\" is not a schema such as L3:0=ff;1=ff")
    }

    @Test func `an existing class must have the requested schema`() throws {
        let present = "    MB:0=100;1= 50\n    L3:0=00ff;1=00FF\n"
        func mismatch(_ lines: String...) throws -> String? {
            try plan(LinuxIntelRdt(closID: "gold", schemata: lines))?.mismatch(with: present)
        }
        #expect(try mismatch("L3:0=ff;1=ff", "MB:1=50") == nil)
        #expect(try mismatch("L3:0=ff", "MB:1=51") == "MB:1=51")
        #expect(try mismatch("L3:2=ff") == "L3:2=ff")
        #expect(try mismatch("L2:0=ff") == "L2:0=ff")
    }
}
