/** A file as it is: its text, or its bytes. */
export type File = string | Uint8Array;

/** Where to load the module from, if not from beside this package's files. */
export type Source =
  | string
  | URL
  | Request
  | Response
  | ArrayBuffer
  | ArrayBufferView
  | WebAssembly.Module
  | Promise<Response | ArrayBuffer | ArrayBufferView | WebAssembly.Module>;

/** Loads the module; again, it does nothing. Everything else needs it first. */
export default function init(source?: Source): Promise<void>;

/**
 * Verifies a bundle, a presentation or an attestation by a trust anchor.
 * @throws {VerifierError} with the first thing that does not hold.
 */
export function verifyBundle(bundle: File, trustAnchor: File, options?: Options): BundleReport;

/**
 * The same, with every step of the session, the first one first.
 * @throws {VerifierError} as `verifyBundle`; nothing is shown of a bundle that does not hold.
 */
export function steps(bundle: File, trustAnchor: File, options?: Options): { report: BundleReport; steps: Step[] };

/**
 * Verifies that a log which the policy trusts holds an entry, byte for byte: with a newline at its end it is another entry.
 * @throws {VerifierError} with the first thing that does not hold.
 */
export function verifyProof(proof: File, entry: File, policy: File): ProofReport;

/** What a policy says, and every line of it that is wrong. */
export function checkPolicy(policy: File): PolicyCheck;

/** Why there is no report. */
export class VerifierError extends Error {
  /** For programs; it does not change. The message is for people and may. */
  readonly code: string;
}

export interface Options {
  /** What has expired by then has expired: RFC 3339 in UTC, `2026-11-27T12:00:00Z`. The clock's time if left out. */
  now?: string;
  /** `sha256:` and the hash of a payload that is not in the bundle; it must be what the closing binds. */
  payloadSha256?: string;
}

export interface BundleReport {
  /** The session's id. */
  session: string;
  /** Who acted. */
  subject: string;
  /** The key that signed all of it. */
  key: string;
  /** Its name in the anchor. */
  kid?: string;
  /** The ids that the anchor lets it act for; empty: all. */
  scope: string[];
  /** How many steps. */
  steps: number;
  /** Whether the session was closed. */
  complete: boolean;
  /** The time of the opening, as the actor states it. */
  opened_at: string;
  /** The time of the last receipt, likewise. */
  last_at: string;
  /** Every class of source that any step derives from. */
  sources: SourceClass[];
  /** The lowest level of integrity of any step. */
  integrity: Level;
  /** The anchor's rules about integrity, in its order; all of them hold. */
  flow: Rule[];
  /** Where the receipts stand in the log: first index and number. */
  leaves: [number, number][];
  /** The log's head. Look at its `verdict` before you rely on anything in it, or on `leaves`. */
  log: Head | OtherHead;
  /** What the session led to. */
  payload?: {
    hash: string;
    media_type?: string;
    shown: boolean;
    /** What the hash is taken of. Of a JSON file that is not canonical, the file's own SHA-256 is another. Absent if not known. */
    of?: 'canonical-json' | 'bytes';
  };
  /** Sealed steps whose content was shown. */
  content_shown: number;
  /** Sealed steps whose content was not. */
  content_sealed: number;
  /** Steps whose content is elsewhere. */
  content_elsewhere: number;
  /** For whom it was presented. */
  presentation?: { audience: string; nonce: string; timestamp: string; expires: string };
  attestation?: { name: string; hash: string; media_type?: string }[];
  /** What was not proven, one sentence each. Show it with the rest. */
  not_proven: string[];
}

/** A rule about integrity, as anchors write it. */
export interface Rule {
  /** The name `*` means any. */
  sink: { kind: 'tool_call' | 'artifact'; name: string } | { kind: 'payload' };
  /** The lowest level that it may have. */
  require?: Level;
  /** What it must not derive from. */
  without?: SourceClass[];
  /** How many steps, or payloads, it was about. Zero: it kept nothing out, and its name may be misspelt. */
  matched: number;
}

/** A head that a policy judged. */
export interface Head {
  verdict: 'quorate' | 'unwitnessed';
  origin: string;
  size: number;
  /** `sha256:` and the root. */
  root: string;
  /** `blake3:` and the head hash. */
  head_hash: string;
  /** The log's keys that signed. */
  log_keys: Key[];
  /** The policy's witnesses that co-signed. */
  witnesses: Witness[];
  /** The quorum's tree, parents first; empty for `quorum none`. */
  quorum: QuorumRow[];
}

/**
 * A head that witnesses without names co-signed, or that nobody was asked about: where the verdict is `not-judged`, all of this
 * is what the bundle claims, and nobody checked it.
 */
export interface OtherHead {
  verdict: 'witnessed' | 'not-judged';
  origin: string;
  size: number;
  root: string;
  /** How many witnesses had to co-sign. */
  threshold?: number;
  witnesses: Key[];
  /** The log's keys that signed, of those that the anchor names. */
  log_keys: Key[];
}

export interface Key {
  /** Absent for a hexadecimal key, which has none. */
  name?: string;
  id?: string;
  kind: string;
  key: string;
}

export interface Witness {
  /** Its name in the policy. */
  name: string;
  key: Key;
  /** POSIX seconds, by its own clock. */
  timestamp: number;
  cosigned_at: string;
  /** Whether the quorum depends on it. */
  votes: boolean;
}

export interface QuorumRow {
  /** Distance from the root. */
  depth: number;
  name: string;
  satisfied: boolean;
  /** Absent for a witness. */
  group?: { required: number; satisfied: number; members: number };
}

export type SourceClass =
  | 'user'
  | 'operator'
  | 'local_file'
  | 'memory'
  | 'rag_index'
  | 'web'
  | 'tool'
  | 'undeclared';

export type Level = 'trusted' | 'untrusted' | 'adversarial';

export interface Step {
  /** Counts from 1. */
  sequence: number;
  /** `blake3:` and the hash of its receipt. */
  hash: string;
  kind: 'tool_call' | 'model_call' | 'retrieval' | 'artifact' | 'merge' | 'note';
  /** The tool, the model's provider, the URL, the artifact. */
  name?: string;
  /** Of a model call. */
  model?: string;
  /** Of a model call. */
  direction?: 'prompt' | 'response';
  /** Hashes of the steps that it derives from. */
  parents: string[];
  /** Where what it brings in comes from, as the actor declares it. */
  source?: SourceClass;
  /** Every class of source that it derives from. */
  sources: SourceClass[];
  /** The lowest level of these. */
  integrity: Level;
  /** Where its content is: in the receipt, elsewhere by its hash, or behind a salted commitment. */
  content?: 'inline' | 'hashed' | 'sealed';
  /** Of inline content: the value as canonical JSON text; `JSON.parse` may round its numbers. */
  content_inline?: string;
  /** Of hashed content: `sha256:` and its hash. */
  content_hash?: string;
  /** Of sealed content: its salted commitment. */
  content_commitment?: string;
  /** Of hashed and of sealed content: how many bytes, as the actor states it. */
  content_length?: number;
  /** Of sealed content that was shown and is what the step committed to: its bytes in base64. */
  content_shown?: string;
  /** Of an artifact or of hashed content, as the actor states it. */
  media_type?: string;
  /** Free text of the actor. */
  attributes?: Record<string, string>;
  /** As the actor states it. */
  timestamp: string;
}

export interface ProofReport extends Head {
  /** Index of the entry, from 0. */
  index: number;
  /** `sha256:` and the leaf hash of the entry. */
  leaf_hash: string;
  /** The commitment, if the entry is a receipt with sealed content. */
  sealed?: string;
  /** When that content was erased, if the proof shows it. */
  content_erased_at?: string;
  /** Index of the receipt that records it. */
  content_erased_index?: number;
  /** Length of extra data that was not interpreted. */
  extra_not_interpreted?: number;
  /** What was not proven, one sentence each. */
  not_proven: string[];
}

export interface PolicyCheck {
  /** Every refused line: line and column, in bytes, count from 1. Where there is one, the rest is null. */
  problems: { line: number; column: number; what: string }[];
  /** How many logs. */
  logs: number | null;
  quorum: 'none' | QuorumNode | null;
  /** How many witnesses, two keys of one counted once. */
  witnesses: number | null;
  /** The fewest witnesses that any two quorums share; null for `quorum none` too. */
  overlap: number | null;
}

/** A witness, or a group with its members. */
export interface QuorumNode {
  name: string;
  required?: number;
  members?: QuorumNode[];
}
