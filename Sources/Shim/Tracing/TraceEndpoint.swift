// The collector of spans, as OpenTelemetry's variables name it.

internal import Kernel

/// Where spans are sent: OTLP over HTTP, in JSON.
package struct TraceEndpoint: Equatable, Sendable {
    /// A literal address: a static program has no resolver, and a look-up could block the event loop.
    package let address: String
    package let port: Int
    package let path: String
    /// The value of the Host field.
    package let host: String
    /// Further fields, such as an authorization.
    package let headers: [String]
    package let service: String

    /// Reads the variables.
    /// - Returns: nothing when no collector is named, or tracing is switched off.
    package init?(_ variable: (String) -> String?) throws(ShimFailure) {
        if variable("OTEL_SDK_DISABLED")?.lowercased() == "true" || variable("OTEL_TRACES_EXPORTER") == "none" {
            return nil
        }
        let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
        let general = "OTEL_EXPORTER_OTLP_ENDPOINT"
        let name = variable(own) == nil ? general : own
        guard let url = variable(name) else { return nil }
        let protocolName = variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ?? variable("OTEL_EXPORTER_OTLP_PROTOCOL")
        // A collector of http/protobuf takes JSON at the same place.
        if protocolName == "grpc" { throw ShimFailure("\(name)=\(url): OTLP over gRPC is not spoken, only HTTP") }
        let scheme = "http://"
        guard url.hasPrefix(scheme) else { throw ShimFailure("\(name)=\(url): expected http://ADDRESS[:PORT][/PATH]") }
        let rest = url.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        guard let (address, port) = Self.place(authority), url.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw ShimFailure("\(name)=\(url): expected a literal address or localhost, and a port")
        }
        var path = String(rest.dropFirst(authority.utf8.count))
        if name == general {
            while path.hasSuffix("/") { path.removeLast() }
            path += "/v1/traces"
        }
        self.address = address
        self.port = port
        self.path = path.isEmpty ? "/" : path
        host = String(authority)
        headers = Self.headers(
            variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS") ?? variable("OTEL_EXPORTER_OTLP_HEADERS") ?? "")
        service = variable("OTEL_SERVICE_NAME") ?? "swift-shim"
    }

    private static func place(_ authority: Substring) -> (String, Int)? {
        var address = authority
        var port = 4318
        if authority.hasPrefix("[") {
            guard let end = authority.lastIndex(of: "]") else { return nil }
            address = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let number = UInt16(rest.dropFirst()) else { return nil }
                port = Int(number)
            }
        } else if let colon = authority.firstIndex(of: ":") {
            guard let number = UInt16(authority[authority.index(after: colon)...]) else { return nil }
            address = authority[..<colon]
            port = Int(number)
        }
        if address == "localhost" { return ("127.0.0.1", port) }
        guard !address.isEmpty, address.utf8.allSatisfy({ isOfAddress($0) }), port > 0 else { return nil }
        return (String(address), port)
    }

    private static func isOfAddress(_ byte: UInt8) -> Bool {
        (0x30...0x3a).contains(byte) || byte == 0x2e || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
    }

    // `NAME=value,…`; what could end the field is left out.
    private static func headers(_ text: String) -> [String] {
        text.split(at: ",").compactMap { part in
            let pair = part.split(at: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[0].isEmpty, part.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
                return nil
            }
            return "\(pair[0]): \(pair[1])"
        }
    }

    /// A request with spans, as it goes over the wire.
    package func request(_ body: [UInt8]) -> [UInt8] {
        let fields =
            [
                "POST \(path) HTTP/1.1", "Host: \(host)", "Content-Type: application/json",
                "Content-Length: \(body.count)", "Connection: close",
            ] + headers
        return Array((fields.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    }
}
