// The result of one case on one runtime.

/// The result of one case on one runtime.
package struct CaseResult: Sendable, Equatable {
    package enum Verdict: String, Sendable {
        case passed, failed, skipped
        /// The runtime differs, and the case lists the difference as known.
        case known
    }

    package var caseName: String
    package var runtime: String
    package var verdict: Verdict
    /// The failures, or the reasons for skipping.
    package var messages: [String]
    /// The reason that the case gives for a known difference; together with `passed`, the difference is gone.
    package var reason: String?
    /// The commands and their output, if the case failed.
    package var transcript: [String]
    package var seconds: Double

    package init(
        caseName: String, runtime: String, verdict: Verdict, messages: [String] = [], reason: String? = nil,
        transcript: [String] = [], seconds: Double = 0
    ) {
        self.caseName = caseName
        self.runtime = runtime
        self.verdict = verdict
        self.messages = messages
        self.reason = reason
        self.transcript = transcript
        self.seconds = seconds
    }

    /// Whether a known difference did not occur: the case is out of date.
    package var isSurprise: Bool { verdict == .passed && reason != nil }
}

extension CaseResult {
    /// The line that a case's own process prints.
    package var json: JSONValue {
        [
            "case": .string(caseName), "runtime": .string(runtime), "verdict": .string(verdict.rawValue),
            "messages": .array(messages.map(JSONValue.string)), "reason": reason.map(JSONValue.string) ?? .null,
            "transcript": .array(transcript.map(JSONValue.string)), "seconds": .double(seconds),
        ]
    }

    package init?(json: JSONValue) {
        guard let name = json["case"]?.string, let runtime = json["runtime"]?.string,
            let verdict = json["verdict"]?.string.flatMap(Verdict.init(rawValue:))
        else { return nil }
        self.init(
            caseName: name, runtime: runtime, verdict: verdict,
            messages: json["messages"]?.array?.compactMap(\.string) ?? [], reason: json["reason"]?.string,
            transcript: json["transcript"]?.array?.compactMap(\.string) ?? [], seconds: json["seconds"]?.number ?? 0)
    }
}
