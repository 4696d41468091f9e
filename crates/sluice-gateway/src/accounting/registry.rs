//! What all snapshots share: accounts and the counters of limits, by the id of what they belong to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use sluice_ledger::{AccountId, Budget, Key, Project};

use super::{account::Account, limits::Counters, limits::LimitSet};

/// What a key is held to: its limits and budgets with their counters, ready for the request path.
#[derive(Debug)]
pub(crate) struct Guard {
    /// The limits of the key, of its project, and of the two together for one model.
    limits: LimitSet,
    models: BTreeMap<String, LimitSet>,
    /// The key's and the project's, where they have a budget.
    accounts: [Option<Arc<Account>>; 2],
    budgets: [Option<Budget>; 2],
    /// Largest output limit, in tokens, that the project allows.
    pub(crate) project_output_cap: Option<u64>,
}

impl Guard {
    /// The budgets of this guard hold from now on.
    pub(crate) fn publish(&self) {
        for (account, budget) in self.accounts.iter().zip(&self.budgets) {
            if let (Some(account), Some(budget)) = (account, budget) {
                account.set_budget(*budget);
            }
        }
    }

    /// The limits for a request that names `model`.
    pub(crate) fn limits(&self, model: &str) -> &LimitSet {
        if self.models.is_empty() { &self.limits } else { self.models.get(model).unwrap_or(&self.limits) }
    }

    pub(crate) fn accounts(&self) -> &[Option<Arc<Account>>; 2] {
        &self.accounts
    }

    pub(crate) fn has_budget(&self) -> bool {
        self.accounts.iter().any(Option::is_some)
    }
}

/// Objects by id, for as long as the process lives.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    accounts: HashMap<AccountId, Arc<Account>>,
    counters: HashMap<String, Arc<Counters>>,
}

impl Registry {
    /// What `key` is held to. A project that is not in the catalog has no limits.
    pub(crate) fn guard(&self, key: &Key, project: Option<&Project>) -> Guard {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut set = LimitSet::default();
        let key_name = format!("key:{}", key.id);
        set.add(&key.limits, || known.counters(&key_name));
        if let Some(project) = project {
            let name = format!("project:{}", project.name);
            set.add(&project.limits, || known.counters(&name));
        }
        let mut models = BTreeMap::new();
        for (model, limits) in &key.model_limits {
            let mut set = set.clone();
            // The model's name goes last: it may hold anything.
            set.add(limits, || known.counters(&format!("key:{}:model:{model}", key.id)));
            models.insert(model.clone(), set);
        }
        let ids = [Some(AccountId::key(&key.id)), project.map(|p| AccountId::project(&p.name))];
        let budgets = [key.budget, project.and_then(|project| project.budget)];
        let mut accounts = [None, None];
        for ((account, id), budget) in accounts.iter_mut().zip(ids).zip(budgets) {
            *account = id.zip(budget).map(|(id, budget)| known.account(id, budget));
        }
        let project_output_cap = project.and_then(|project| project.limits.max_output_tokens);
        Guard { limits: set, models, accounts, budgets, project_output_cap }
    }
}

impl Registry {
    /// The counters of limits under which requests of this node run, by the names that nodes share.
    pub(super) fn running(&self) -> Vec<(Arc<str>, Arc<Counters>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let running = known.counters.values().filter(|counters| counters.slots.used() > 0);
        running.map(|counters| (Arc::clone(&counters.keys.slots), Arc::clone(counters))).collect()
    }
}

impl Known {
    fn account(&mut self, id: AccountId, budget: Budget) -> Arc<Account> {
        let account = self.accounts.entry(id.clone()).or_insert_with(|| Arc::new(Account::new(id, budget)));
        Arc::clone(account)
    }

    fn counters(&mut self, name: &str) -> Arc<Counters> {
        match self.counters.get(name) {
            Some(counters) => Arc::clone(counters),
            None => {
                let counters = Arc::new(Counters::named(name));
                self.counters.insert(name.to_owned(), Arc::clone(&counters));
                counters
            }
        }
    }
}
