//! `common.proto` and `resource.proto`.

use super::{Kind, Message, always, field, oneof, repeated};

pub(super) static ANY_VALUE: Message = Message::new(
    "AnyValue",
    &[
        oneof(1, "string_value", "stringValue", Kind::String),
        oneof(2, "bool_value", "boolValue", Kind::Bool),
        oneof(3, "int_value", "intValue", Kind::Int64),
        oneof(4, "double_value", "doubleValue", Kind::Double),
        oneof(5, "array_value", "arrayValue", Kind::Message(&ARRAY_VALUE)),
        oneof(6, "kvlist_value", "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        oneof(7, "bytes_value", "bytesValue", Kind::Bytes),
        oneof(8, "string_value_strindex", "stringValueStrindex", Kind::Int32),
    ],
);

static ARRAY_VALUE: Message =
    Message::new("ArrayValue", &[always(repeated(1, "values", "values", Kind::Message(&ANY_VALUE)))]);

static KEY_VALUE_LIST: Message =
    Message::new("KeyValueList", &[always(repeated(1, "values", "values", Kind::Message(&KEY_VALUE)))]);

pub(super) static KEY_VALUE: Message = Message::new(
    "KeyValue",
    &[
        always(field(1, "key", "key", Kind::String)),
        field(2, "value", "value", Kind::Message(&ANY_VALUE)),
        field(3, "key_strindex", "keyStrindex", Kind::Int32),
    ],
);

pub(super) static SCOPE: Message = Message::new(
    "InstrumentationScope",
    &[
        field(1, "name", "name", Kind::String),
        field(2, "version", "version", Kind::String),
        repeated(3, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(4, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    ],
);

pub(super) static RESOURCE: Message = Message::new(
    "Resource",
    &[
        repeated(1, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(2, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        repeated(3, "entity_refs", "entityRefs", Kind::Message(&ENTITY_REF)),
    ],
);

static ENTITY_REF: Message = Message::new(
    "EntityRef",
    &[
        always(field(1, "schema_url", "schemaUrl", Kind::String)),
        always(field(2, "type", "type", Kind::String)),
        always(repeated(3, "id_keys", "idKeys", Kind::String)),
        always(repeated(4, "description_keys", "descriptionKeys", Kind::String)),
    ],
);
