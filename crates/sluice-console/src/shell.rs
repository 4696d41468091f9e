//! What is around every page: navigation, switches, account; and the words that all pages use.

use crate::{Action, Language, Page, Theme, Visit, Who, assets, texts::texts};

texts! {
    /// Words of the shell and of the parts.
    pub struct Words {
        skip: "Skip to the content", "跳到内容";
        navigation: "Navigation", "导航";
        menu: "Menu", "菜单";
        group_watch: "Watch", "观察";
        group_grant: "Grant", "授权";
        group_serve: "Serve", "供给";
        group_run: "Run", "运行";
        overview: "Overview", "概览";
        requests: "Requests", "请求";
        keys: "Keys", "密钥";
        projects: "Projects", "项目";
        models: "Models", "模型";
        providers: "Providers", "供应商";
        users: "Users", "用户";
        audit: "Audit", "审计";
        settings: "Settings", "设置";
        status: "Status", "状态";
        playground: "Playground", "试验场";
        reference: "API reference", "接口文档";
        account: "Account", "账户";
        sign_in: "Sign in", "登录";
        sign_out: "Sign out", "退出";
        language: "Language", "语言";
        theme: "Theme", "主题";
        theme_system: "System", "跟随系统";
        theme_light: "Light", "浅色";
        theme_dark: "Dark", "深色";
        version: "Version {0}", "版本 {0}";
        no_script: "Changing things here needs JavaScript.", "在此更改内容需要 JavaScript。";
        copied: "Copied", "已复制";
        copy: "Copy", "复制";
        cancel: "Cancel", "取消";
        close: "Close", "关闭";
        failed: "That did not work", "操作未成功";
        unreachable: "The gateway did not answer. Try again.", "网关没有应答，请重试。";
        none: "Not known", "未知";
        pages: "Pages", "分页";
        first_page: "First page", "第一页";
        next_page: "Next page", "下一页";
        filter: "Filter", "筛选";
        clear: "Clear", "清除";
        of_limit: "{0} of {1}", "{0}，共 {1}";
        wrong_number: "A number is needed here.", "此处需要数字。";
        wrong_money: "An amount in US dollars with at most nine decimal places is needed here.", "此处需要美元金额，最多九位小数。";
        wrong_value: "This is no such value.", "该值无效。";
        signed_out: "The session has ended. Sign in again.", "会话已结束，请重新登录。";
    }
}

/// What `base.html` needs. Every page's template has it as its field `shell`.
#[derive(Clone, Copy, Debug)]
pub struct Shell<'a> {
    pub visit: &'a Visit<'a>,
    pub title: &'a str,
    pub words: &'static Words,
    /// Names of the page's own scripts.
    pub scripts: &'static [&'static str],
}

/// An entry of the navigation.
#[derive(Debug)]
pub struct Link {
    pub href: &'static str,
    pub label: &'static str,
    pub current: bool,
}

/// Entries that belong together.
#[derive(Debug)]
pub struct Group {
    pub label: &'static str,
    pub links: Vec<Link>,
}

impl<'a> Shell<'a> {
    pub fn new(visit: &'a Visit<'a>, title: &'a str) -> Self {
        Self { visit, title, words: Words::of(visit.language), scripts: &[] }
    }

    /// With scripts of the page's own, by their names in `assets/`.
    pub fn with_scripts(self, scripts: &'static [&'static str]) -> Self {
        Self { scripts, ..self }
    }

    pub fn who(&self) -> &'a Who {
        self.visit.who
    }

    /// Whether the viewer may: for leaving out what the admin API would refuse.
    pub fn can(&self, action: Action) -> bool {
        self.visit.who.can(action)
    }

    pub fn lang(&self) -> &'static str {
        self.visit.language.tag()
    }

    pub fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    /// The navigation, without what is not for the viewer.
    pub fn navigation(&self) -> Vec<Group> {
        let words = self.words;
        let all = [
            (words.group_watch, [Page::Overview, Page::Requests, Page::Status].as_slice()),
            (words.group_grant, &[Page::Keys, Page::Projects, Page::Users]),
            (words.group_serve, &[Page::Models, Page::Providers, Page::Playground, Page::Reference]),
            (words.group_run, &[Page::Settings, Page::Audit]),
        ];
        let group = |(label, pages): (&'static str, &[Page])| {
            let offered = pages.iter().filter(|page| page.is_for(self.visit.who));
            Group { label, links: offered.map(|page| self.link(*page)).collect() }
        };
        all.into_iter().map(group).filter(|group| !group.links.is_empty()).collect()
    }

    fn link(&self, page: Page) -> Link {
        let words = self.words;
        let label = match page {
            Page::Requests | Page::Request => words.requests,
            Page::Keys | Page::Key => words.keys,
            Page::Projects | Page::Project => words.projects,
            Page::Models | Page::Model => words.models,
            Page::Providers | Page::Provider => words.providers,
            Page::Users | Page::User => words.users,
            Page::Audit => words.audit,
            Page::Settings => words.settings,
            Page::Status => words.status,
            Page::Playground => words.playground,
            Page::Reference => words.reference,
            Page::Account => words.account,
            Page::SignIn | Page::SignInLink => words.sign_in,
            Page::Overview => words.overview,
        };
        Link { href: page.pattern(), label, current: self.visit.page.section() == page }
    }

    /// The languages, with whether it is the current one.
    pub fn languages(&self) -> Vec<(Language, bool)> {
        Language::ALL.into_iter().map(|language| (language, language == self.visit.language)).collect()
    }

    /// The themes with their names, and whether it is the current one.
    pub fn themes(&self) -> Vec<(Theme, &'static str, bool)> {
        let name = |theme| match theme {
            Theme::System => self.words.theme_system,
            Theme::Light => self.words.theme_light,
            Theme::Dark => self.words.theme_dark,
        };
        Theme::ALL.into_iter().map(|theme| (theme, name(theme), theme == self.visit.theme)).collect()
    }

    /// The address of this page, to come back to.
    pub fn here(&self) -> String {
        self.visit.query.with(&self.visit.page.path(self.visit.id), &[])
    }
}
