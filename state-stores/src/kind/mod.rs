//! The kinds of stores. Each is a typed face over a [`Table`](crate::table::Table) (or two) of byte keys and typed values;
//! only a buffer, which is emptied from its front, keeps its entries itself. None uses another.

pub(crate) mod change_buffer;
pub(crate) mod key_value;
pub(crate) mod list_value;
pub(crate) mod recency;
pub(crate) mod scan;
pub(crate) mod session;
pub(crate) mod versioned;
pub(crate) mod window;

/// The part of [`crate::StateStore`] that is the same for every kind: all of it is the table's work.
macro_rules! delegate_state_store {
    ($store:ident<$key:ident>) => {
        impl<$key: 'static, T: Clone + 'static> crate::store::StateStore for $store<$key, T> {
            fn name(&self) -> &str {
                self.table.name()
            }

            fn backend(&self) -> &crate::backend::BackendRef {
                self.table.backend()
            }

            fn uncommitted_bytes(&self) -> usize {
                self.table.uncommitted_bytes()
            }

            fn deferred_bytes(&self) -> usize {
                self.table.deferred_bytes()
            }

            fn has_deferred(&self) -> bool {
                self.table.has_deferred()
            }

            fn end_flush(&mut self) {
                self.table.end_flush();
            }

            fn stage_log(
                &mut self,
                log: &mut crate::store::Log<'_>,
                _: &mut crate::backend::batch::Batch,
            ) -> crate::error::Result<()> {
                self.table.stage_log(log)
            }

            fn stage(
                &mut self,
                log: &mut crate::store::Log<'_>,
                batch: &mut crate::backend::batch::Batch,
            ) -> crate::error::Result<()> {
                self.table.stage(log, batch)
            }

            fn committed(&mut self) -> crate::error::Result<()> {
                self.table.committed();
                Ok(())
            }

            fn rollback(&mut self) {
                self.table.rollback();
            }

            fn entries(&mut self) -> crate::error::Result<Vec<crate::backend::RawEntry>> {
                self.table.entries()
            }

            fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
                self
            }
        }
    };
}
use delegate_state_store;
