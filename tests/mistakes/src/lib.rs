//! What the compiler says of the mistakes that users make most: `cases`, each with the message next to it.
