// TypeScript types of the schemas in an OpenAPI document. Only what firetower's own document has: objects, arrays,
// references, unions, allOf, nullable types, enumerations. It fails on anything else rather than guess.

const PRIMITIVES = {string: "string", number: "number", integer: "number", boolean: "boolean", null: "null"};

function typeOf(schema) {
  if (schema === true || Object.keys(schema).length === 0) return "unknown";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.allOf) return schema.allOf.map(typeOf).join(" & ");
  const union = schema.oneOf ?? schema.anyOf;
  if (union) return [...new Set(union.map(typeOf))].join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({...schema, type})).join(" | ");
  switch (schema.type) {
    case "object": return objectOf(schema);
    case "array": {
      const items = schema.items ? typeOf(schema.items) : "unknown";
      return /^[A-Za-z0-9]+$/.test(items) ? `${items}[]` : `(${items})[]`;
    }
    default:
      if (PRIMITIVES[schema.type]) return PRIMITIVES[schema.type];
      throw new Error(`no type for ${JSON.stringify(schema)}`);
  }
}

const comment = (text, indent) => (text ? `${indent}/** ${text.replaceAll("\n", " ")} */\n` : "");

function objectOf({properties, required = [], additionalProperties}) {
  if (!properties) return `Record<string, ${additionalProperties ? typeOf(additionalProperties) : "unknown"}>`;
  const lines = Object.entries(properties).map(([name, schema]) => {
    const optional = required.includes(name) ? "" : "?";
    return `${comment(schema.description, "  ")}  ${JSON.stringify(name)}${optional}: ${typeOf(schema)};\n`;
  });
  return `{\n${lines.join("")}}`;
}

/** The whole file. */
export function typesOf(document) {
  const types = Object.entries(document.components.schemas).map(
    ([name, schema]) => `${comment(schema.description, "")}export type ${name} = ${typeOf(schema)};\n`);
  return `// Made of docs/openapi.json by schema.mjs: do not edit.\n\n${types.join("\n")}`;
}
