// One piece of work in a trace, and its form for a collector.

internal import Glibc
internal import OCISpec

/// A piece of work that is being done: a client's call, or a call of the runtime on its behalf.
final class Span {
    let name: String
    let parent: TraceContext?
    let kind: Kind
    /// The place of what is done for this span.
    let context: TraceContext
    /// The subject of the span, such as the container's id.
    var attributes: [(key: StaticString, value: String)] = []
    private(set) var error: String?
    private(set) var end: Timestamp?
    private let begin = Timestamp.now
    private let finished: (Span) -> Void

    /// As OTLP counts.
    enum Kind: Int64 { case server = 2, client = 3 }

    init(_ name: String, _ kind: Kind, parent: TraceContext?, finished: @escaping (Span) -> Void) {
        self.name = name
        self.kind = kind
        self.parent = parent
        self.finished = finished
        context = TraceContext(
            traceID: parent?.traceID ?? Self.randomID(words: 2), parentID: Self.randomID(words: 1),
            flags: parent?.flags ?? "01", state: parent?.state)
    }

    /// Ends the span, once.
    func end(error: String? = nil) {
        if end != nil { return }
        end = .now
        self.error = error
        finished(self)
    }

    // All zeros mean no id.
    private static func randomID(words: Int) -> String {
        (0..<words).map { _ in
            let digits = String(UInt64.random(in: 1...(.max)), radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }
}

extension Span: JSONEncodable {
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("traceId", context.traceID)
            writer.field("spanId", context.parentID)
            writer.field("traceState", context.state)
            writer.field("parentSpanId", parent?.parentID)
            writer.field("name", name)
            writer.field("kind", kind.rawValue)
            writer.field("startTimeUnixNano", begin.nanosecondsText)
            writer.field("endTimeUnixNano", (end ?? begin).nanosecondsText)
            writer.list("attributes", attributes.map { Attribute(key: "\($0.key)", value: $0.value) })
            if let error { writer.field("status", ErrorStatus(message: error)) }
        }
    }
}

extension Timestamp {
    // OTLP writes 64-bit numbers as text.
    fileprivate var nanosecondsText: String { String(seconds * 1_000_000_000 + Int64(nanoseconds)) }
}

private struct ErrorStatus: JSONEncodable {
    let message: String
    func write(to writer: inout JSONWriter) {
        let failed: Int64 = 2  // STATUS_CODE_ERROR
        writer.object { writer in
            writer.field("code", failed)
            writer.field("message", message)
        }
    }
}

private struct Attribute: JSONEncodable {
    let key: String
    let value: String
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("key", key)
            writer.field("value", Value(text: value))
        }
    }

    struct Value: JSONEncodable {
        let text: String
        func write(to writer: inout JSONWriter) { writer.object { $0.field("stringValue", text) } }
    }
}

/// Spans as one request to a collector: `ExportTraceServiceRequest` of OTLP, in JSON.
struct SpanBatch: JSONEncodable {
    let spans: [Span]
    let service: String

    func write(to writer: inout JSONWriter) {
        writer.object { $0.field("resourceSpans", [ResourceSpans(batch: self)]) }
    }

    private struct ResourceSpans: JSONEncodable {
        let batch: SpanBatch
        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("resource", Resource(service: batch.service))
                writer.field("scopeSpans", [ScopeSpans(spans: batch.spans)])
            }
        }
    }

    private struct Resource: JSONEncodable {
        let service: String
        func write(to writer: inout JSONWriter) {
            let attributes = [
                Attribute(key: "service.name", value: service), Attribute(key: "process.pid", value: "\(getpid())"),
            ]
            writer.object { $0.field("attributes", attributes) }
        }
    }

    private struct ScopeSpans: JSONEncodable {
        let spans: [Span]
        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("scope", Scope())
                writer.field("spans", spans)
            }
        }
    }

    private struct Scope: JSONEncodable {
        func write(to writer: inout JSONWriter) { writer.object { $0.field("name", "swift-shim") } }
    }
}
