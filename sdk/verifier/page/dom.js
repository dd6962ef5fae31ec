// Elements. Text goes in as text: nothing here, or anywhere in the page, reads markup.

export const byId = (id) => document.getElementById(id);

/** An element with attributes (`class`, `dateTime` as they are written in HTML) and children: nodes, or texts. */
export function make(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}
