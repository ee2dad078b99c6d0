// The two start protocols: detection and answers.

import FoundationEssentials
import ShimAPI
import SwiftProtobuf
import Testing

@testable import Shim

@Suite struct BootstrapTests {
    /// instance_id "s1", namespace "default", containerd_version "v2.4.0", ttrpc and grpc addresses, binary, directory.
    private let parameters = Self.fields([
        (0x0a, "s1"), (0x12, "default"), (0x22, "v2.4.0"), (0x2a, "/t.so"), (0x32, "/g.so"), (0x3a, "/c"),
        (0x4a, "/run/containerd/s"),
    ])

    /// An `Any` of runc options whose binary is "crun"; the value is field 6.
    private let options: [UInt8] =
        Self.fields([(0x0a, "containerd.runc.v1.Options")]) + [0x12, 6] + Self.fields([(0x32, "crun")])

    private static func fields(_ fields: [(tag: UInt8, text: String)]) -> [UInt8] {
        fields.flatMap { [$0.tag, UInt8($0.text.utf8.count)] + Array($0.text.utf8) }
    }

    @Test func `parameters that repeat the command line are the newer protocol`() throws {
        let request = try StartRequest(parameters, id: "s1", namespace: "default")
        guard case .parameters(let read) = request else {
            Issue.record("read as options")
            return
        }
        #expect(read.containerdTtrpcAddress == "/t.so")
        #expect(read.containerdGrpcAddress == "/g.so")
        #expect(read.socketDir == "/run/containerd/s")
        #expect(read.logLevel == 0)
    }

    @Test func `the newer protocol is answered in version three`() throws {
        let request = try StartRequest(parameters, id: "s1", namespace: "default")
        let expected: [UInt8] = [0x08, 3, 0x12, 9] + Array("unix:///s".utf8) + [0x1a, 5] + Array("ttrpc".utf8)
        #expect(request.answer(address: "unix:///s") == expected)
    }

    @Test func `parameters with another identity are ignored`() throws {
        let request = try StartRequest(parameters, id: "s2", namespace: "default")
        guard case .options = request else {
            Issue.record("believed")
            return
        }
    }

    @Test func `options alone are the older protocol, answered with the bare address`() throws {
        let request = try StartRequest(options, id: "s1", namespace: "default")
        #expect(try RuncOptions(request.options).binaryName == "crun")
        #expect(request.answer(address: "unix:///s") == Array("unix:///s".utf8))
    }

    @Test func `a pod's shim is started in version three by every containerd that does so`() throws {
        let answer = try StartRequest(options, id: "s1", namespace: "default").answer(address: "unix:///s", isPod: true)
        #expect(String(decoding: answer, as: UTF8.self) == #"{"version":3,"address":"unix:///s","protocol":"ttrpc"}"#)
    }

    @Test func `an empty input is the older protocol without options`() throws {
        let request = try StartRequest([], id: "s1", namespace: "default")
        #expect(request == .options(nil))
        #expect(try RuncOptions(request.options) == RuncOptions())
    }

    @Test func `options travel as an extension of the newer protocol`() throws {
        var newer = try BootstrapParams(serializedBytes: parameters)
        var foreign = BootstrapExtension()
        foreign.value.typeURL = "somebody.else"
        var ours = BootstrapExtension()
        ours.value.typeURL = "type.googleapis.com/containerd.runc.v1.Options"
        ours.value.value = Data([0x32, 4] + Array("crun".utf8))
        newer.extensions = [foreign, ours]
        let request = try StartRequest(newer.serializedBytes(), id: "s1", namespace: "default")
        #expect(try RuncOptions(request.options).binaryName == "crun")
    }

    @Test func `garbage is refused`() {
        #expect(throws: ShimFailure("standard input: neither bootstrap parameters nor runtime options")) {
            try StartRequest([0xff, 0xff, 0xff], id: "a", namespace: "b")
        }
    }
}
