// The trace that a client names, and the collector that the environment names.

import TTRPC
import Testing

@testable import Shim

@Suite struct TracingTests {
    static let trace = "0af7651916cd43dd8448eb211c80319c"
    static let span = "b7ad6b7169203331"

    private func metadata(_ pairs: [(String, String)]) -> [Request.Metadata] {
        pairs.map { Request.Metadata($0.0, $0.1) }
    }

    @Test(arguments: [
        ("00-\(trace)-\(span)-01", true), ("00-\(trace)-\(span)-00", true), ("cc-\(trace)-\(span)-01-more", true),
        ("", false), ("00", false), ("00-\(trace)-\(span)", false), ("00-\(trace)-\(span)-1", false),
        ("00-\(trace)-\(span)-01-more", false), ("ff-\(trace)-\(span)-01", false), ("0-\(trace)-\(span)-01", false),
        ("00-00000000000000000000000000000000-\(span)-01", false), ("00-\(trace)-0000000000000000-01", false),
        ("00-0AF7651916CD43DD8448EB211C80319C-\(span)-01", false), ("00-\(trace)0-\(span)-01", false),
        ("00-\(trace)-\(span)-01\n", false), ("00-\(trace)-\(span)-0g", false), (" 00-\(trace)-\(span)-01", false),
    ])
    func `a malformed traceparent counts as none`(_ text: String, _ isUsable: Bool) {
        let context = TraceContext(metadata([("containerd-namespace-ttrpc", "k8s.io"), ("traceparent", text)]))
        #expect((context != nil) == isUsable)
        let flags = text.hasSuffix("00") ? "00" : "01"
        if isUsable { #expect(context?.variables == ["TRACEPARENT=00-\(Self.trace)-\(Self.span)-\(flags)"]) }
        #expect(TraceContext(metadata([("Traceparent", text), ("traceparent", text)])) == nil)
    }

    @Test(
        arguments: [
            (["a=1", "b=2"], "a=1,b=2"), (["", "b=2"], "b=2"), ([], nil), (["a=\u{1b}"], nil), (["a=é"], nil),
            ([String(repeating: "x", count: 512)], String(repeating: "x", count: 512)),
            ([String(repeating: "x", count: 513)], nil),
        ] as [([String], String?)])
    func `a tracestate is passed on as it is, or not at all`(_ values: [String], _ state: String?) {
        let parent = ("TraceParent", "00-\(Self.trace)-\(Self.span)-01")
        #expect(TraceContext(metadata([parent] + values.map { ("tracestate", $0) }))?.state == state)
        #expect(TraceContext(metadata(values.map { ("tracestate", $0) })) == nil)
    }

    /// Variables, and the collector that they name; nil for none.
    struct EndpointCase: Sendable, CustomTestStringConvertible {
        var variables: [String: String]
        var place: String?
        var testDescription: String { "\(variables)" }

        static let all = [
            EndpointCase(variables: [:]),
            EndpointCase(variables: general("http://127.0.0.1:4318"), place: "127.0.0.1 4318 /v1/traces"),
            EndpointCase(variables: general("http://localhost/"), place: "127.0.0.1 4318 /v1/traces"),
            EndpointCase(variables: general("http://[::1]:9/base"), place: "::1 9 /base/v1/traces"),
            EndpointCase(
                variables: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://10.0.0.1"], place: "10.0.0.1 4318 /"),
            EndpointCase(
                variables: general("http://127.0.0.1:1", ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://10.0.0.1:2/t"]),
                place: "10.0.0.1 2 /t"),
            EndpointCase(variables: general("http://127.0.0.1:1", ["OTEL_SDK_DISABLED": "TRUE"])),
            EndpointCase(variables: general("http://127.0.0.1:1", ["OTEL_TRACES_EXPORTER": "none"])),
        ]

        /// Variables that name no collector that can be used.
        static let refused = [
            general("https://127.0.0.1:1"), general("127.0.0.1:4318"), general("http://"), general("http://:4318"),
            general("http://collector:4318"), general("http://127.0.0.1:0"), general("http://127.0.0.1:65536"),
            general("http://[::1"), general("http://[::1]4318"), general("http://127.0.0.1/a b"),
            general("http://127.0.0.1/a\r\nX: y"),
            general("http://127.0.0.1:4317", ["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"]),
        ]

        private static func general(_ url: String, _ more: [String: String] = [:]) -> [String: String] {
            ["OTEL_EXPORTER_OTLP_ENDPOINT": url].merging(more) { $1 }
        }
    }

    @Test(arguments: EndpointCase.all)
    func `a collector is found by OpenTelemetry's variables`(_ row: EndpointCase) throws {
        let endpoint = try TraceEndpoint { row.variables[$0] }
        #expect(endpoint.map { "\($0.address) \($0.port) \($0.path)" } == row.place)
    }

    @Test(arguments: EndpointCase.refused)
    func `a collector that cannot be used is refused by name`(_ variables: [String: String]) throws {
        #expect(throws: ShimFailure.self) { _ = try TraceEndpoint { variables[$0] } }
    }

    @Test func `a request has the headers that are asked for, and no others`() throws {
        let variables = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:7",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer x=,bad\r\nheader=1,=no,none,x=y",
        ]
        let endpoint = try TraceEndpoint { variables[$0] }
        let request = try #require(endpoint).request(Array("{}".utf8))
        #expect(
            String(decoding: request, as: UTF8.self)
                == "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:7\r\nContent-Type: application/json\r\n"
                + "Content-Length: 2\r\nConnection: close\r\nauthorization: Bearer x=\r\nx: y\r\n\r\n{}")
    }
}
