//! Texts of the sign-in pages.

use crate::texts::texts;

texts! {
    pub(crate) struct T {
        title: "Sign in", "登录";
        email: "E-mail", "邮箱";
        password: "Password", "密码";
        new_password: "New password", "新密码";
        password_hint: "At least 12 characters.", "至少 12 个字符。";
        code: "Code", "验证码";
        code_hint: "The six digits from your authenticator app, or a recovery code.", "身份验证器应用中的六位数字，或一个恢复代码。";
        submit: "Sign in", "登录";
        go_on: "Continue", "继续";
        by_oidc: "Sign in with your organisation", "使用组织账户登录";
        link_title: "Make the first account", "创建第一个账户";
        link_lead: "This account will be the owner of this gateway.", "此账户将成为此网关的所有者。";
        link_submit: "Make account", "创建账户";
        invite_title: "Set your password", "设置你的密码";
        invite_lead: "You were invited as {0}.", "你已受邀，账户为 {0}。";
        to_sign_in: "Go to sign-in", "前往登录";
        wrong: "E-mail or password is wrong.", "邮箱或密码错误。";
        wrong_code: "The code is wrong, or was used before.", "验证码错误或已被使用。";
        wait: "Too many attempts. Try again in {0} s.", "尝试次数过多，请在 {0} 秒后重试。";
        busy: "Too many people are signing in. Try again in a moment.", "登录人数过多，请稍后重试。";
        late: "That took too long. Sign in again.", "操作超时，请重新登录。";
        ended: "The session has ended. Sign in again.", "会话已结束，请重新登录。";
        open: "Nobody can sign in over this connection: others could read along. Use HTTPS, or open the console on the machine itself.", "无法通过此连接登录：他人可能窃听。请使用 HTTPS，或在本机打开控制台。";
        forged: "The form came from another site. Open this page again and retry.", "表单来自其他网站。请重新打开此页面后再试。";
        link_gone: "This link is not valid any more. It was used, or has expired.", "此链接已失效：已被使用或已过期。";
        bad_email: "Enter an e-mail address.", "请输入邮箱地址。";
        bad_password: "The password needs at least 12 characters.", "密码至少需要 12 个字符。";
        failed: "That did not work. Try again.", "操作未成功，请重试。";
        oidc_failed: "Your organisation did not sign you in. Try again.", "组织账户登录未成功，请重试。";
        oidc_unknown: "There is no account for your e-mail address. Ask an owner to add one.", "没有与你的邮箱对应的账户，请联系所有者添加。";
    }
}
