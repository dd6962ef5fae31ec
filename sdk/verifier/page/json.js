// Where the values of a JSON text stand in it. A change made through `JSON.parse` and `JSON.stringify` could change more than
// was meant (numbers, escapes, order); one made by place changes that place.

/** `{ start, end, kind, members: Map, items: [] }`, or undefined if the text is no JSON of at most 64 levels. */
export function placed(text) {
  let at = 0;
  const blank = /[ \t\r\n]*/y;
  const scalar = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null/y;
  const skip = () => {
    blank.lastIndex = at;
    blank.test(text);
    at = blank.lastIndex;
  };
  const take = (character) => {
    skip();
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const one = () => {
    skip();
    scalar.lastIndex = at;
    if (!scalar.test(text)) throw new SyntaxError(`no JSON at ${at}`);
    const node = { start: at, end: scalar.lastIndex, kind: text[at] === '"' ? 'string' : 'other' };
    at = node.end;
    return node;
  };
  const value = (depth) => {
    skip();
    if (depth > 64) throw new SyntaxError('too deep');
    const start = at;
    if (take('{')) {
      const members = new Map();
      if (!take('}')) {
        do {
          const name = one();
          if (!take(':')) throw new SyntaxError(`no colon at ${at}`);
          members.set(JSON.parse(text.slice(name.start, name.end)), value(depth + 1));
        } while (take(','));
        if (!take('}')) throw new SyntaxError(`no end at ${at}`);
      }
      return { start, end: at, kind: 'object', members };
    }
    if (take('[')) {
      const items = [];
      if (!take(']')) {
        do items.push(value(depth + 1));
        while (take(','));
        if (!take(']')) throw new SyntaxError(`no end at ${at}`);
      }
      return { start, end: at, kind: 'array', items };
    }
    return one();
  };
  try {
    const root = value(0);
    skip();
    return at === text.length ? root : undefined;
  } catch {
    return undefined;
  }
}

/** The value at a path of names and indices, or undefined. */
export function at(node, ...path) {
  let here = node;
  for (const part of path) here = typeof part === 'number' ? here?.items?.at(part) : here?.members?.get(part);
  return here;
}

/** The string there, or undefined. */
export function stringOf(text, node) {
  if (node?.kind !== 'string') return undefined;
  try {
    return JSON.parse(text.slice(node.start, node.end));
  } catch {
    return undefined;
  }
}

/** The text with `put` from `start` to `end`. */
export function spliced(text, { start, end }, put) {
  return text.slice(0, start) + put + text.slice(end);
}
