//! Values that an application keeps in the server or in a socket, found by their type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// At most one value of each type.
#[derive(Default)]
pub(crate) struct StateMap(HashMap<TypeId, Kept>);

/// A value of whatever type.
pub(crate) type Kept = Arc<dyn Any + Send + Sync>;

impl StateMap {
    /// Keeps `value`, and gives back the one of the same type that was there, to be dropped
    /// without any lock.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> Option<Kept> {
        self.0.insert(TypeId::of::<T>(), Arc::new(value))
    }

    pub(crate) fn find<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.get(&TypeId::of::<T>())?).downcast().ok()
    }
}
